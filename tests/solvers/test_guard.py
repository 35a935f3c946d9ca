"""Sweeps evaluate a log density only where a loop might, or not far from it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc.solvers import PRESETS

KERNELS = {
    "MALA": pmcmc.MALA(0.1),
    "random walk": pmcmc.RandomWalkMetropolis(1.0),
    "HMC": pmcmc.HMC(0.1, 4),
}
SWEEPS = ["quasi", "newton", "picard", "jacobi", "clip-elk", "elk"]
CASES = [(kernel, name) for kernel in KERNELS for name in SWEEPS] + [("HMC", "block")]
START, N_STEPS = np.full(2, 2.0), 60


def with_callback(on_point):
    """A quartic density that calls `on_point` with the largest coordinate wherever it is."""

    def host(x):
        return np.asarray(on_point(np.abs(x).max(axis=-1)), x.dtype)

    def logdensity(x):
        out = jax.ShapeDtypeStruct((), x.dtype)
        fixed = jax.lax.stop_gradient(x)
        extra = jax.pure_callback(host, out, fixed, vmap_method="broadcast_all")
        return -0.25 * jnp.sum(x**4) + extra

    return logdensity


def run(logdensity, kernel, solver):
    solver = PRESETS[solver] if isinstance(solver, str) else solver
    return pmcmc.sample(logdensity, START, N_STEPS, kernel=KERNELS[kernel], solver=solver)


def same(first, second):
    np.testing.assert_array_equal(first.stats["is_accepted"], second.stats["is_accepted"])
    np.testing.assert_allclose(first.positions, second.positions, rtol=0, atol=1e-9)


@pytest.fixture(scope="module")
def loops():
    logdensity = with_callback(np.zeros_like)
    return {name: run(logdensity, name, "sequential") for name in KERNELS}


@pytest.mark.parametrize(("kernel", "solver"), CASES)
def test_a_density_that_raises_far_outside_is_never_asked_there(kernel, solver, loops):
    # The loop stays within 5, and a proposal from the edge of the widened region of this steep
    # density may go to 700; without the guard random walks go to 25, Picard's MALA to 1e154.
    def refuse(size):
        if (size > {"MALA": 1e3, "random walk": 16.0, "HMC": np.inf}[kernel]).any():
            raise FloatingPointError(f"nonsense at {size.max()}")
        return np.zeros_like(size)

    same(run(with_callback(refuse), kernel, solver), loops[kernel])


@pytest.mark.parametrize("solver", ["quasi", "newton", "picard"])
@pytest.mark.parametrize("kernel", ["MALA", "random walk"])
def test_nan_at_random_points_outside_changes_nothing(kernel, solver, loops):
    rng = np.random.default_rng(0)

    def spoiled(size):
        largest = np.abs(loops[kernel].positions).max() + 3
        is_bad = (size > largest) & (rng.uniform(size=size.shape) < 0.5)
        return np.where(is_bad, np.nan, 0.0)

    same(run(with_callback(spoiled), kernel, solver), loops[kernel])


@jax.custom_jvp
def _nan_slope(x):
    return x


@_nan_slope.defjvp
def _(primals, tangents):
    (x,), (dx,) = primals, tangents
    return x, jnp.where(x > 1.0, jnp.nan, 1.0) * dx


def nan_in_the_gradient(x):
    return -0.5 * jnp.sum(jnp.concatenate([_nan_slope(x[:1]), x[1:]]) ** 2)


def nan_in_the_hessian(x):
    """The gradient is right everywhere, its own derivative is NaN where `x[0] > 1`."""

    @jax.custom_jvp
    def value(x):
        return -0.5 * jnp.sum(x**2)

    @value.defjvp
    def _(primals, tangents):
        (x,), (dx,) = primals, tangents
        slope = -jnp.concatenate([_nan_slope(x[:1]), x[1:]])
        return value(x), jnp.sum(slope * dx)

    return value(x)


@pytest.mark.parametrize("density", [nan_in_the_gradient, nan_in_the_hessian])
@pytest.mark.parametrize("solver", ["quasi", "newton", "clip-elk", "elk", "jacobi"])
def test_nan_in_derivatives_alone_leaves_the_loop_s_chain(density, solver):
    options = dict(kernel=pmcmc.MALA(0.3), rng_key=2)
    loop = pmcmc.sample(density, np.zeros(2), 80, solver="sequential", **options)
    assert (loop.positions[0, :, 0] > 0.8).any()  # the chain goes near the edge
    found = pmcmc.sample(density, np.zeros(2), 80, solver=solver, **options)
    same(found, loop)


def test_a_trajectory_that_is_given_is_trusted():
    logdensity = with_callback(np.zeros_like)
    far = run(logdensity, "MALA", "sequential").positions
    given = pmcmc.ParallelNewton(
        jacobian=pmcmc.solvers.ScaledIdentity(1.0),
        basis=None,
        guess=pmcmc.solvers.TrajectoryGuess(far[0]),
        window=N_STEPS,
    )
    result = run(logdensity, "MALA", given)
    assert result.info.sweeps[0] <= 2
