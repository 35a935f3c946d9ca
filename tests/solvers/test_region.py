"""Sweeps of a chain stay where the chain goes: log densities that refuse everything else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc.solvers import Dense, RandomGuess, Recursion
from pmcmc.solvers.region import Region

EDGE = 100.0  # the chains below stay within 6


def plain(x):
    """Two wells, between which Newton's iterates are thrown far out."""
    return jnp.logaddexp(-0.5 * jnp.sum((x - 2) ** 2), -0.5 * jnp.sum((x + 2) ** 2))


def _checked(x):
    if np.abs(x).max() > EDGE or not np.isfinite(x).all():
        raise RuntimeError(f"evaluated at {x}")
    return np.zeros((), x.dtype)


@jax.custom_jvp
def refusing(x):
    """An error beyond the edge."""
    shape = jax.ShapeDtypeStruct((), x.dtype)
    checked = jax.pure_callback(_checked, shape, jax.lax.stop_gradient(x), vmap_method="sequential")
    return plain(x) + checked


@refusing.defjvp
def _(primals, tangents):
    return refusing(*primals), jnp.dot(jax.grad(plain)(*primals), *tangents)


def endless(x):
    """The same with a loop that takes the longer the farther out."""
    distance = jnp.max(jnp.abs(x))
    n = jnp.where(distance > EDGE, jnp.inf, 3.0)
    slow = jax.lax.while_loop(lambda i: i < n, lambda i: i + 1.0, jnp.zeros(()))
    return plain(x) + 0 * slow


def spoilt(which):
    """The same, not a number at a share of points outside: the value, its first or second slope."""

    def is_bad(x):
        return (jnp.max(jnp.abs(x)) > 7) & (jnp.sin(1e3 * jnp.sum(x)) > 0)

    @jax.custom_jvp
    def slope(x):
        return jax.grad(plain)(x)

    @slope.defjvp
    def _(primals, tangents):
        x, v = primals[0], tangents[0]
        pushed = jax.jvp(jax.grad(plain), (x,), (v,))[1]
        bad = {"second": jnp.bool_(True), "rare": is_bad(x)}.get(which, jnp.bool_(False))
        return slope(x), pushed * jnp.where(bad, jnp.nan, 1.0)

    @jax.custom_jvp
    def density(x):
        return plain(x) + jnp.where((which == "value") & is_bad(x), jnp.nan, 0.0)

    @density.defjvp
    def _(primals, tangents):
        x, v = primals[0], tangents[0]
        bad = jnp.where((which == "first") & is_bad(x), jnp.inf, 0.0)
        return density(x), jnp.dot(slope(x) + bad, v)

    return density


def positions(logdensity, solver, kernel=None):
    kernel = pmcmc.MALA(0.4) if kernel is None else kernel
    result = pmcmc.sample(
        logdensity, np.ones(2), 60, kernel=kernel, solver=solver, rng_key=3, progress=False
    )
    assert all(outcome <= 1 for outcome in result.info.outcome)
    return result.positions


@pytest.mark.parametrize("solver", ["newton", "quasi", "picard", "jacobi"])
@pytest.mark.parametrize("logdensity", [refusing, endless])
def test_points_that_the_loop_never_sees_are_not_evaluated(logdensity, solver):
    if solver == "quasi":  # whose basis would be looked for by climbing
        solver = pmcmc.ParallelNewton(basis=None)
    kernel = pmcmc.RandomWalkMetropolis(0.7) if logdensity is endless else None
    expected = positions(logdensity, "sequential", kernel)
    np.testing.assert_allclose(positions(logdensity, solver, kernel), expected, rtol=0, atol=1e-7)


def test_trajectories_stay_where_trajectories_go():
    kernel = pmcmc.HMC(0.15, 12)
    logdensity = refusing
    solver = pmcmc.ParallelNewton(jacobian=pmcmc.solvers.DiagonalBlocks(), basis=None)
    expected = positions(logdensity, "sequential", kernel)
    np.testing.assert_allclose(positions(logdensity, solver, kernel), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("which", ["value", "first", "second", "rare"])
@pytest.mark.parametrize("solver", ["newton", "clip-elk"])
def test_what_is_not_a_number_elsewhere_changes_no_chain(which, solver):
    if solver == "clip-elk":
        solver = pmcmc.ParallelNewton(basis=None, damping=pmcmc.solvers.Clip())
    logdensity = spoilt(which)
    expected = positions(logdensity, "sequential")
    np.testing.assert_allclose(positions(logdensity, solver), expected, rtol=0, atol=1e-7)


def test_rows_far_outside_give_way_to_the_safe_point_and_others_are_left():
    region = Region.nothing_like(jnp.zeros(2)).include(jnp.array([[0.0, 1.0], [1.0, 3.0]]))
    rows = jnp.array([[0.5, 2.0], [2.5, 1.0], [99.0, 2.0], [0.0, -jnp.inf], [jnp.nan, 2.0]])
    kept = region.keep(rows, jnp.array([0.3, 1.2]))
    expected = [[0.5, 2.0], [2.5, 1.0], *3 * [[0.3, 1.2]]]
    np.testing.assert_allclose(kept, expected, rtol=0, atol=1e-6)


def test_a_long_way_that_the_chain_travels_takes_few_sweeps_more():
    # Noise is small beside the way: the region of the first sweeps is tiny.
    def step(s, u):
        return 0.97 * s + 1e-3 * u

    def run(is_chain):
        recursion = Recursion(
            carry=lambda s: s,
            advance=lambda s, u: (step(s, u), None),
            state=lambda s: s,
            is_chain=is_chain,
        )
        inputs = jnp.asarray(np.random.default_rng(0).normal(size=(1, 200, 2)))
        solver = pmcmc.ParallelNewton(jacobian=Dense(), basis=None, window=100)
        return jax.jit(lambda u: solver.run(recursion, jnp.full((1, 2), 100.0), u, 200))(inputs)

    free, guarded = run(False), run(True)
    np.testing.assert_allclose(guarded.states, free.states, rtol=1e-10)
    assert guarded.sweeps[0] <= free.sweeps[0] + 6


def test_guesses_of_the_user_are_not_outside():
    recursion = Recursion(lambda s: s, lambda s, u: (s + u, None), lambda s: s, is_chain=True)
    table = jnp.cumsum(jnp.full((1, 40, 1), 1e3), axis=1)
    inputs = jnp.full((1, 40, 1), 1e3)
    sweeps = {}
    for name, guess in {"given": table, "random": RandomGuess()}.items():
        solver = pmcmc.ParallelNewton(
            jacobian=pmcmc.solvers.ScaledIdentity(0.0), guess=guess, window=20
        )
        sweeps[name] = int(solver.run(recursion, jnp.zeros((1, 1)), inputs, 40).sweeps[0])
    assert sweeps["given"] <= 3
    assert sweeps["random"] >= 20
