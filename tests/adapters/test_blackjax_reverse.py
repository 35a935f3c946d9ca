"""Our kernels as BlackJAX's algorithms, and hyperparameters that pass between the libraries."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

from ..helpers.densities import DENSITIES, double_well, logistic
from ..helpers.kernels import KERNELS, METRIC, SCALES, kernel_loop, mala_loop

blackjax = pytest.importorskip("blackjax")

from pmcmc.adapters.blackjax import to_algorithm, to_parameters  # noqa: E402

N = 60
START = np.array([0.3, -0.2, 0.5, 0.1])
KEYS = jax.random.split(jax.random.key(3), N)


def history(algorithm, position):
    """States and infos of BlackJAX's own loop with `KEYS`."""

    def one_step(state, key):
        state, info = algorithm.step(key, state)
        return state, (state, info)

    return jax.jit(lambda s: jax.lax.scan(one_step, s, KEYS)[1])(algorithm.init(position))


@pytest.mark.parametrize(
    "name", ["MALA, dense", "HMC, diagonal, jittered", "Barker", "Metropolis-Hastings", "Gibbs"]
)
def test_loops_of_blackjax_are_plain_loops(name):
    kernel, step_numpy = KERNELS[name]
    density, density_numpy = DENSITIES["double well"]
    noise = jax.vmap(lambda key: kernel.draw_noise(key, jnp.zeros(4)))(KEYS)
    positions, decisions, rates = kernel_loop(step_numpy, kernel, density_numpy, START, noise)
    algorithm = to_algorithm(None if name == "Gibbs" else density, kernel)
    states, infos = history(algorithm, jnp.asarray(START))
    np.testing.assert_allclose(states.position, positions, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(infos.is_accepted, decisions)
    np.testing.assert_allclose(infos.acceptance_rate, rates, atol=1e-9)


def test_positions_and_gradients_keep_their_structure():
    position = {"a": jnp.asarray(START[:1]), "b": jnp.asarray(START[1:].reshape(3, 1))}

    def density(x):
        return double_well(jnp.concatenate([x["a"], x["b"].ravel()]))

    algorithm = to_algorithm(density, pmcmc.MALA(0.2))
    noise = jax.vmap(lambda key: pmcmc.MALA(0.2).draw_noise(key, jnp.zeros(4)))(KEYS)
    expected = mala_loop(DENSITIES["double well"][1], START, 0.2, noise)[0]
    final, (states, _) = blackjax.util.run_inference_algorithm(
        jax.random.key(0), algorithm, 5, initial_position=position
    )
    assert jax.tree.map(jnp.shape, final.position) == {"a": (1,), "b": (3, 1)}
    np.testing.assert_allclose(states.logdensity[-1], density(final.position))
    gradient = jax.grad(density)(final.position)
    jax.tree.map(np.testing.assert_allclose, final.logdensity_grad, gradient)
    states, _ = history(algorithm, position)
    np.testing.assert_allclose(states.position["b"].reshape(N, 3), expected[:, 1:], atol=1e-9)


def test_float32_positions_stay_so(float32):
    algorithm = to_algorithm(lambda x: -0.5 * jnp.sum(x**2), pmcmc.HMC(0.1, 2, SCALES))
    states, _ = history(algorithm, jnp.zeros(4, jnp.float32))
    assert states.position.dtype == np.float32


def test_what_is_not_a_kernel_is_refused():
    with pytest.raises(ValueError, match=r"kernel must be an instance such as pmcmc.MALA"):
        to_algorithm(logistic, "mala")
    with pytest.raises(ValueError, match="logdensity must be a function, got None"):
        to_algorithm(None, pmcmc.MALA(0.1))


@pytest.mark.parametrize("metric", [None, SCALES, METRIC])
def test_hmc_of_both_libraries_with_our_hyperparameters(metric):
    """From one momentum the two make one proposal, and accept it with one probability."""
    kernel = pmcmc.HMC(0.3, 3, metric)
    parameters = to_parameters(kernel, jnp.asarray(START))
    step = functools.partial(blackjax.hmc.build_kernel(), num_integration_steps=3)
    state = blackjax.hmc.init(jnp.asarray(START), logistic)
    _, info = step(jax.random.key(1), state, logistic, **parameters)
    noise = pmcmc.kernels.HMCNoise(info.momentum, jnp.zeros(()), jnp.zeros(()))  # accepts
    ours, our_info = kernel.transition(logistic, kernel.init(logistic, state.position), noise)
    np.testing.assert_allclose(our_info.acceptance_rate, info.acceptance_rate, rtol=1e-10)
    np.testing.assert_allclose(ours.position, info.proposal.position, rtol=1e-10)


def test_adaptation_of_blackjax_suits_our_kernel():
    scales = np.array([0.1, 1.0, 10.0])

    def density(x):
        return -0.5 * jnp.sum((x / scales) ** 2)

    warmup = blackjax.window_adaptation(blackjax.nuts, density)
    (state, parameters), _ = warmup.run(jax.random.key(0), jnp.ones(3), num_steps=600)
    kernel = pmcmc.HMC(**parameters, num_integration_steps=3, jitter=0.5)
    np.testing.assert_allclose(np.sqrt(kernel.inverse_mass_matrix) / scales, 1, atol=0.5)
    back = to_parameters(kernel, state.position)
    jax.tree.map(np.testing.assert_array_equal, back, parameters)
    result = pmcmc.sample(density, state.position, 4000, kernel=kernel)
    # The mean of squares of 40 batches, within 4 standard errors.
    squares = ((result.positions[0] / scales) ** 2).reshape(40, 100, 3).mean(axis=1)
    error = squares.std(axis=0, ddof=1) / np.sqrt(40)
    assert (np.abs(squares.mean(axis=0) - 1) < 4 * error).all()


def test_kernels_without_a_step_size_have_no_parameters():
    kernel = KERNELS["Gibbs"][0]
    with pytest.raises(ValueError, match="kernel must have a step_size"):
        to_parameters(kernel, jnp.zeros(4))
    assert set(to_parameters(pmcmc.RandomWalkMetropolis(0.1), jnp.zeros(2))) == {
        "step_size",
        "inverse_mass_matrix",
    }
