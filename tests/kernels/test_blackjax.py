"""With the noise that BlackJAX draws, transitions are BlackJAX's."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc.kernels import HMCNoise, MALANoise

from ..helpers.densities import logistic
from ..helpers.kernels import METRIC, SCALES

blackjax = pytest.importorskip("blackjax")

N = 200
STARTS = np.random.default_rng(3).normal(size=(N, 4))
KEYS = jax.random.split(jax.random.key(5), N)


def run(kernel, noise_of, theirs, their_init):
    """Both transitions from every start: `(state, info)` of ours, and of theirs."""

    @jax.jit
    def both(x, key):
        ours = kernel.transition(logistic, kernel.init(logistic, x), noise_of(key))
        return ours, theirs(key, their_init(x, logistic))

    return jax.vmap(both)(jnp.asarray(STARTS), KEYS)


def check(ours, theirs):
    (state, info), (their_state, their_info) = ours, theirs
    np.testing.assert_array_equal(info.is_accepted, their_info.is_accepted)
    assert 0.3 < np.mean(info.is_accepted) < 0.97
    np.testing.assert_allclose(info.acceptance_rate, their_info.acceptance_rate, rtol=1e-10)
    np.testing.assert_allclose(state.position, their_state.position, rtol=0, atol=1e-12)
    np.testing.assert_allclose(state.logdensity, their_state.logdensity, rtol=1e-12)


def uniform(key):
    # `jax.random.bernoulli(key, p)`, with which BlackJAX decides, is `uniform(key) < p`.
    return jax.random.uniform(key, (), np.float64)


def test_mala():
    def noise_of(key):
        move, decision = jax.random.split(key)
        normal = blackjax.util.generate_gaussian_noise(move, jnp.zeros(4))
        return MALANoise(normal, uniform(decision))

    step = blackjax.mala.build_kernel()
    ours, theirs = run(
        pmcmc.MALA(0.12),
        noise_of,
        lambda key, state: step(key, state, logistic, 0.12),
        blackjax.mala.init,
    )
    check(ours, theirs)
    np.testing.assert_allclose(ours[0].logdensity_grad, theirs[0].logdensity_grad, atol=1e-12)


@pytest.mark.parametrize("inverse_mass_matrix", [np.ones(4), SCALES, METRIC])
def test_hmc(inverse_mass_matrix):
    step_size, n_steps = 0.35, 5
    momentum_of = blackjax.mcmc.metrics.default_metric(jnp.asarray(inverse_mass_matrix))

    def noise_of(key):
        momentum, decision = jax.random.split(key)
        drawn = momentum_of.sample_momentum(momentum, jnp.zeros(4))
        return HMCNoise(drawn, uniform(decision), jnp.zeros(()))

    step = blackjax.hmc.build_kernel()
    ours, theirs = run(
        pmcmc.HMC(step_size, n_steps, inverse_mass_matrix),
        noise_of,
        lambda key, state: step(
            key, state, logistic, step_size, jnp.asarray(inverse_mass_matrix), n_steps
        ),
        blackjax.hmc.init,
    )
    check(ours, theirs)
    # BlackJAX reports the energy of the end of every trajectory, also of rejected ones.
    info, their_info = ours[1], theirs[1]
    accepted = np.asarray(info.is_accepted)
    np.testing.assert_allclose(info.energy[accepted], their_info.energy[accepted], rtol=1e-10)
    np.testing.assert_array_equal(info.num_integration_steps, their_info.num_integration_steps)


@pytest.mark.parametrize("inverse_mass_matrix", [None, SCALES, METRIC])
def test_random_walk(inverse_mass_matrix):
    metric = np.eye(4) if inverse_mass_matrix is None else inverse_mass_matrix
    metric = np.diag(metric) if metric.ndim == 1 else metric
    sigma = jnp.asarray(0.4 * np.linalg.cholesky(metric))
    draw = blackjax.mcmc.random_walk.normal(sigma)
    normal = functools.partial(jax.random.normal)  # drawn by itself, as BlackJAX does
    kernel = pmcmc.RandomWalkMetropolis(0.4, inverse_mass_matrix, draw=normal)
    step = blackjax.mcmc.random_walk.build_additive_step()
    check(
        *run(
            kernel,
            lambda key: kernel.draw_noise(key, jnp.zeros(4)),
            lambda key, state: step(key, state, logistic, draw),
            blackjax.mcmc.random_walk.init,
        )
    )
