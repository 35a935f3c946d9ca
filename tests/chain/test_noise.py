"""Noise is a function of key, chain and step, whatever the implementation of the key."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._chain.noise import draw_noise

from ..helpers.densities import gaussian, gaussian_numpy
from ..helpers.kernels import mala_loop

IMPLEMENTATIONS = ["threefry2x32", "rbg", "unsafe_rbg"]
KERNEL = pmcmc.MALA(0.3)


def gamma_and_normal(key, x):
    keys = jax.random.split(key)
    return jax.random.gamma(keys[0], 2.0, x.shape, x.dtype), jax.random.normal(keys[1], x.shape)


KERNELS = [KERNEL, pmcmc.CustomKernel(lambda x, u: 0.5 * x + u[0], gamma_and_normal)]


@functools.partial(jax.jit, static_argnums=4)
def documented(kernel, key, chain, step, dim):
    """The recipe of docs/conventions.md, one step on its own."""
    step_key = jax.random.fold_in(jax.random.fold_in(key, chain), step)
    return kernel.draw_noise(step_key, jnp.zeros(dim))


def loop_noise(key, chain, n_steps, dim):
    rows = [documented(KERNEL, key, chain, step, dim) for step in range(n_steps)]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *rows)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: type(kernel).__name__)
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_noise_of_a_step_alone_is_its_noise_in_any_block(implementation, kernel):
    key = jax.random.key(3, impl=implementation)
    layouts = [(1, 0, 7), (2, 5, 70), (2, 2**31 + 5, 70), (2, 2**32 - 70, 70)]
    draw = jax.jit(draw_noise, static_argnums=5)
    for n_chains, first, length in layouts:
        positions = jnp.zeros((n_chains, 2))
        noise = draw(kernel, positions, key, np.uint32(first), np.int32(length), length)
        for chain, row in itertools.product(range(n_chains), (0, 1, length - 1)):
            alone = documented(kernel, key, chain, np.uint32(first + row), 2)
            together = jax.tree.map(lambda leaf: leaf[chain, row], noise)  # noqa: B023
            jax.tree.map(np.testing.assert_array_equal, together, alone)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("solver", ["sequential", "quasi"])
def test_chains_are_those_of_a_plain_loop(implementation, solver):
    key = jax.random.key(3, impl=implementation)
    starts = np.random.default_rng(0).normal(size=(4, 2))
    result = pmcmc.sample(
        gaussian, starts, 100, kernel=KERNEL, n_chains=4, rng_key=key, solver=solver
    )
    assert result.info.converged.all()
    for chain, start in enumerate(starts):
        noise = loop_noise(key, chain, 100, 2)
        positions, decisions, _ = mala_loop(gaussian_numpy, start, 0.3, noise)
        np.testing.assert_array_equal(result.stats["is_accepted"][chain], decisions)
        np.testing.assert_allclose(result.positions[chain], positions, rtol=0, atol=1e-9)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_keys_as_users_write_them_are_of_the_default_implementation(implementation):
    def draws(rng_key):
        choices = dict(kernel=KERNEL, solver="sequential", rng_key=rng_key)
        return pmcmc.sample(gaussian, np.ones(2), 5, **choices).positions

    key = jax.random.key(3, impl=implementation)
    expected = draws(key)
    with jax.default_prng_impl(implementation):
        np.testing.assert_array_equal(draws(3), expected)
        np.testing.assert_array_equal(draws(jax.random.PRNGKey(3)), expected)
        np.testing.assert_array_equal(draws(np.asarray(jax.random.key_data(key))), expected)


def test_raw_keys_of_another_implementation_are_named():
    raw = jax.random.key_data(jax.random.key(3, impl="rbg"))
    with pytest.raises(ValueError, match=r"shape \(4,\).*threefry2x32.*impl='rbg'"):
        pmcmc.sample(gaussian, np.ones(2), 5, kernel=KERNEL, rng_key=raw)
    wrapped = jax.random.wrap_key_data(raw, impl="rbg")
    pmcmc.sample(gaussian, np.ones(2), 5, kernel=KERNEL, rng_key=wrapped, solver="sequential")
    with (
        jax.default_prng_impl("rbg"),
        pytest.raises(ValueError, match=r"shape \(2,\).*rbg.*impl='threefry2x32'"),
    ):
        pmcmc.sample(gaussian, np.ones(2), 5, kernel=KERNEL, rng_key=np.zeros(2, np.uint32))


def test_sweeps_do_not_depend_on_the_default_implementation():
    rng = np.random.default_rng(0)
    weights, inputs = 0.4 * rng.normal(size=(6, 6)), rng.normal(size=(40, 6))

    def step(s, u):
        return jnp.tanh(weights @ s + u)

    def figures():
        solution = pmcmc.solve(step, np.zeros(6), inputs, solver="quasi")
        exponent = pmcmc.diagnostics.lyapunov_exponent(step, np.zeros(6), inputs)
        return int(solution.sweeps), np.asarray(solution.states), float(exponent)

    expected = figures()
    for implementation in IMPLEMENTATIONS[1:]:
        jax.clear_caches()
        with jax.default_prng_impl(implementation):
            sweeps, states, exponent = figures()
        assert (sweeps, exponent) == (expected[0], expected[2])
        np.testing.assert_array_equal(states, expected[1])


def test_keys_are_no_noise():
    kernel = pmcmc.CustomKernel(lambda x, key: x + jax.random.normal(key, x.shape), lambda k, x: k)
    with pytest.raises(ValueError, match="noise must consist of numbers, got keys"):
        pmcmc.sample(None, np.ones(2), 5, kernel=kernel, solver="sequential")
