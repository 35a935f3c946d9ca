"""A single chain's gradient takes no batch axis where loops end by a condition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import pmcmc
from pmcmc._chain.alone import Alone, in_batch_of
from pmcmc._chain.density import FlatLogDensity


def by_series(x, scale):
    """`-scale * sum(cosh(x))`, term by term until the terms are negligible."""

    def goes_on(loop):
        _, term, _ = loop
        return jnp.any(jnp.abs(term) > 1e-18)

    def add(loop):
        n, term, total = loop
        return n + 2, term * x**2 / ((n + 1) * (n + 2)), total + term

    first = (0.0, jnp.ones_like(x), jnp.zeros_like(x))
    return -scale * jnp.sum(lax.while_loop(goes_on, add, first)[2])


def flat(scale):
    return FlatLogDensity(by_series, lambda x: x, (scale,), gradient_mode="forward")


ROW = jax.ShapeDtypeStruct((2,), float)


@pytest.mark.parametrize("n_rows", [1, 3])
def test_gradients_are_those_in_closed_form(n_rows):
    x = np.linspace(-2, 2, 2 * n_rows).reshape(n_rows, 2)

    def both(x, scale):  # under jit, as in programs: the data are traced
        return jax.vmap(Alone(flat(scale)).value_and_grad)(x)

    value, gradient = jax.jit(both)(x, np.float64(0.5))
    np.testing.assert_allclose(value, -0.5 * np.cosh(x).sum(axis=1), rtol=1e-13)
    np.testing.assert_allclose(gradient, -0.5 * np.sinh(x), rtol=1e-12, atol=1e-14)


def test_only_a_single_chain_and_only_loops_that_end_by_a_condition_go_without_the_axis():
    def has_selections(n_chains):
        density = in_batch_of(n_chains, flat(0.5), ROW)
        program = jax.jit(jax.vmap(density.value_and_grad)).lower(np.ones((n_chains, 2)))
        # In a batch, an element that has finished keeps its numbers until the last one has.
        return "stablehlo.select" in program.as_text()

    assert not has_selections(1)
    assert has_selections(2)
    straight = FlatLogDensity(lambda x: -jnp.sum(x**2), lambda x: x)
    assert in_batch_of(1, straight, ROW) is straight


@pytest.mark.parametrize("kernel", [pmcmc.MALA(0.4), pmcmc.HMC(0.3, 3)], ids=["mala", "hmc"])
@pytest.mark.parametrize("n_chains", [1, 2])
def test_the_chain_is_that_of_the_closed_form(kernel, n_chains):
    x0 = np.full((n_chains, 2), 0.5)
    options = dict(kernel=kernel, n_chains=n_chains, rng_key=3, solver="sequential")
    of_series = pmcmc.sample(lambda x: by_series(x, 0.5), x0, 200, **options)
    of_cosh = pmcmc.sample(lambda x: -0.5 * jnp.sum(jnp.cosh(x)), x0, 200, **options)
    assert of_series.stats["is_accepted"].mean() > 0.5
    np.testing.assert_allclose(of_series.positions, of_cosh.positions, rtol=0, atol=1e-9)
