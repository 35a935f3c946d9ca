import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc import solvers
from pmcmc._chain.mode import find_mode

from ..helpers.densities import logistic, logistic_numpy

TARGETS = {
    "logistic regression": (pmcmc.targets.logistic_regression().logdensity, 31),
    "correlated": (pmcmc.targets.correlated_gaussian(dim=6, correlation=0.9).logdensity, 6),
    "banana": (pmcmc.targets.banana().logdensity, 2),
}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("factor", [1.0, 10.0])
def test_the_gradient_is_small_where_a_search_ends(name, factor):
    logdensity, dim = TARGETS[name]
    start = factor * np.random.default_rng(0).normal(size=dim)
    mode = jax.jit(lambda x: find_mode(logdensity, x))(jnp.asarray(start))
    gradient = jax.grad(logdensity)(mode)
    assert np.max(np.abs(gradient)) < 1e-4
    precision = -jax.hessian(logdensity)(mode)
    assert gradient @ jnp.linalg.solve(precision, gradient) < 1e-8  # squared standard deviations


def test_scales_of_many_orders_from_far_away():
    scales = jnp.logspace(-3, 3, 8)
    search = jax.jit(lambda x: find_mode(lambda x: -0.5 * jnp.sum((x / scales) ** 2), x))
    assert np.max(np.abs(search(1e3 * scales) / scales)) < 1e-3


def test_float32(float32):
    mode = jax.jit(lambda x: find_mode(logistic, x))(jnp.full(4, 3.0))
    assert mode.dtype == jnp.float32
    assert np.max(np.abs(logistic_numpy(np.asarray(mode, float))[1])) < 1e-2


def test_values_of_another_dtype_than_the_position_s():
    for mine, theirs in ((jnp.float32, jnp.float64), (jnp.float64, jnp.float32)):
        mode = find_mode(lambda x: -jnp.sum((x.astype(theirs) - 1) ** 2), jnp.zeros(2, mine))  # noqa: B023
        assert mode.dtype == mine
        np.testing.assert_allclose(mode, 1.0, atol=1e-3)


@pytest.mark.parametrize("distance", [1e-6, 1e-3, 1.0, 30.0])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_nothing_is_evaluated_much_further_out_than_the_start(distance, scale):
    seen = []

    def logdensity(x):
        jax.debug.callback(lambda x: seen.append(np.array(x)), x)
        return -jnp.log(jnp.cosh(x[0] / scale)) - 0.5 * jnp.sum((x / scale) ** 2)

    start = distance * scale * np.array([0.8, -0.6, 0.0])
    found = find_mode(logdensity, jnp.asarray(start))
    jax.effects_barrier()
    assert np.max(np.linalg.norm(seen, axis=1)) < scale * max(1.5 * distance, 0.5)
    assert np.linalg.norm(found) < 1e-3 * scale


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_gone_round_or_stayed_at(bad):
    @jax.custom_jvp
    def logdensity(x):
        return -0.5 * jnp.sum((x - 1) ** 2)

    @logdensity.defjvp
    def _(primals, tangents):
        (x,), (t,) = primals, tangents
        gradient = jnp.where(jnp.any(x > 1.5), bad, 1 - x)
        return logdensity(x), jnp.sum(gradient * t)

    mode = find_mode(logdensity, jnp.array([-3.0, 0.0]))
    np.testing.assert_allclose(mode, 1.0, atol=1e-4)
    start = jnp.array([2.0, 0.0])
    np.testing.assert_array_equal(find_mode(logdensity, start), start)
    np.testing.assert_array_equal(find_mode(lambda x: bad * jnp.sum(x), start), start)
    np.testing.assert_array_equal(find_mode(lambda x: 0.0 * jnp.sum(x), start), start)


def _refuses_its_mode(x):
    if np.linalg.norm(x) < 0.01:
        raise ValueError("too close to the mode")
    return np.float64(-0.5 * np.sum(np.square(x)) - 0.01 * np.sum(np.power(x, 4)))


@jax.custom_jvp
def shell(x):
    """A density whose mode is refused: in 30 dimensions no chain comes near it."""
    value = jax.ShapeDtypeStruct((), x.dtype)
    return jax.pure_callback(_refuses_its_mode, value, x, vmap_method="sequential")


@shell.defjvp
def _(primals, tangents):
    (x,), (t,) = primals, tangents
    return shell(x), -jnp.sum((x + 0.04 * x**3) * t)


def test_sweeps_go_without_a_basis_where_the_search_for_the_mode_raises():
    x0 = np.random.default_rng(1).normal(size=30)
    choices = dict(kernel=pmcmc.MALA(0.2), n_steps=40)
    with pytest.warns(UserWarning, match="no basis, because the search.*too close to the mode"):
        quasi = pmcmc.sample(shell, x0, solver="quasi", **choices)
    loop = pmcmc.sample(shell, x0, solver="sequential", **choices)
    np.testing.assert_allclose(quasi.positions, loop.positions, rtol=0, atol=1e-9)
    assert quasi.info.solver.basis is None
    asked = pmcmc.ParallelNewton(jacobian=solvers.Diagonal(), basis="hessian")
    with pytest.raises(ValueError, match=r"too close to the mode.*write basis=None"):
        pmcmc.sample(shell, x0, solver=asked, **choices)
    with pytest.raises(ValueError, match=r"too close to the mode.*write init_to_mode=False"):
        pmcmc.warmup(shell, x0, n_steps=10, init_to_mode=True)
