"""The transition itself, against independent arithmetic."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc.kernels import MALANoise

from ..helpers.densities import double_well, double_well_numpy
from ..helpers.kernels import mala_loop


def transition(kernel, x, normal, uniform, logdensity=double_well):
    noise = MALANoise(jnp.asarray(normal), jnp.asarray(uniform))
    return kernel.transition(logdensity, kernel.init(logdensity, jnp.asarray(x)), noise)


def test_one_transition_is_the_textbook_one():
    rng = np.random.default_rng(0)
    kernel = pmcmc.MALA(step_size=0.3)
    accepted = 0
    for _ in range(50):
        x, normal, uniform = rng.normal(size=3), rng.normal(size=3), rng.uniform()
        noise = MALANoise(normal[None], np.array([uniform]))
        positions, decisions, rates = mala_loop(double_well_numpy, x, 0.3, noise)
        state, info = transition(kernel, x, normal, uniform)
        assert bool(info.is_accepted) == decisions[0]
        accepted += decisions[0]
        np.testing.assert_allclose(info.acceptance_rate, rates[0], rtol=1e-12)
        np.testing.assert_allclose(state.position, positions[0], rtol=1e-12)
        value, grad = double_well_numpy(np.asarray(state.position))
        np.testing.assert_allclose(state.logdensity, value, rtol=1e-12)
        np.testing.assert_allclose(state.logdensity_grad, grad, rtol=1e-10, atol=1e-12)
    assert 5 < accepted < 45


def test_one_transition_keeps_the_target():
    """From exact draws of a normal, one step gives draws of the normal (DKW bound at 1e-6)."""
    n = 50_000
    kernel = pmcmc.MALA(step_size=0.8)
    keys = jax.random.split(jax.random.key(0), (2, n))
    start = jax.vmap(lambda key: jax.random.normal(key, (1,)))(keys[0])

    def logdensity(x):
        return -0.5 * jnp.sum(x**2)

    def step(x, key):
        noise = kernel.draw_noise(key, x)
        state, info = kernel.transition(logdensity, kernel.init(logdensity, x), noise)
        return state.position[0], info.is_accepted

    end, accepted = jax.vmap(step)(start, keys[1])
    assert 0.3 < accepted.mean() < 0.95  # the correction matters: the drift alone is biased
    bound = math.sqrt(math.log(2 / 1e-6) / (2 * n))
    assert _distance_to_normal(np.asarray(end)) < bound
    proposals = start[:, 0] * (1 - 0.8) + math.sqrt(1.6) * np.asarray(
        jax.vmap(lambda key: kernel.draw_noise(key, start[0]).normal[0])(keys[1])
    )
    assert _distance_to_normal(np.asarray(proposals)) > 2 * bound


def _distance_to_normal(draws):
    cdf = 0.5 * (1 + np.array([math.erf(x / math.sqrt(2)) for x in np.sort(draws)]))
    ranks = np.arange(len(draws) + 1) / len(draws)
    return max(np.max(ranks[1:] - cdf), np.max(cdf - ranks[:-1]))


@pytest.mark.parametrize(
    ("outside", "is_divergent"), [(jnp.nan, True), (jnp.inf, True), (-jnp.inf, False)]
)
def test_proposals_without_a_finite_density_are_rejected(outside, is_divergent):
    def logdensity(x):
        return jnp.where(x[0] > 0.5, outside, -0.5 * jnp.sum(x**2))

    state, info = transition(pmcmc.MALA(step_size=0.5), [0.0], [3.0], 0.01, logdensity)
    assert not info.is_accepted
    assert info.acceptance_rate == 0
    assert bool(info.is_divergent) == is_divergent
    assert state.position == 0.0


def test_noise_is_standard_and_independent_of_the_position():
    kernel = pmcmc.MALA(step_size=0.1)
    noise = jax.vmap(lambda key: kernel.draw_noise(key, jnp.ones(2)))(
        jax.random.split(jax.random.key(1), 20_000)
    )
    assert abs(noise.normal.mean()) < 0.03
    assert abs(noise.normal.std() - 1) < 0.03
    assert abs(np.corrcoef(noise.normal[:, 0], noise.normal[:, 1])[0, 1]) < 0.03
    assert abs(noise.uniform.mean() - 0.5) < 0.01
    same = kernel.draw_noise(jax.random.key(2), jnp.zeros(2))
    np.testing.assert_array_equal(
        same.normal, kernel.draw_noise(jax.random.key(2), jnp.ones(2)).normal
    )


def test_float32_and_float64_decide_alike():
    """The ratio is computed without cancellation: far from the origin float32 still decides."""
    rng = np.random.default_rng(3)
    kernel = pmcmc.MALA(step_size=1e-3)

    def logdensity(x):
        return -50.0 * jnp.sum((x - 100.0) ** 2)

    for _ in range(20):
        x, normal = 100 + 0.1 * rng.normal(size=5), rng.normal(size=5)
        rates = []
        for dtype in (np.float32, np.float64):
            _, info = transition(
                kernel,
                x.astype(np.float32).astype(dtype),
                normal.astype(dtype),
                dtype(0.5),
                logdensity,
            )
            rates.append(float(info.acceptance_rate))
        assert rates[0] == pytest.approx(rates[1], abs=5e-3)


def test_hyperparameters_are_leaves():
    assert jax.tree.leaves(pmcmc.MALA(step_size=0.25)) == [0.25]
