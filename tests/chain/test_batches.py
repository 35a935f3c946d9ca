"""A log density that is NaN in batches only is named, with the chains that it holds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc


def on_host(x):
    """NaN at positive numbers, where more than four are asked for at once."""
    x = np.asarray(x)
    values = -0.5 * np.sum(x**2, axis=-1)
    return np.where((x.size > 4) & (x[..., 0] > 0), np.nan, values)


def density(x):
    shape = jax.ShapeDtypeStruct((), x.dtype)
    return jax.pure_callback(on_host, shape, x, vmap_method="expand_dims")


def run(solver, **choices):
    kernel = pmcmc.RandomWalkMetropolis(0.1)
    x0 = np.array([[5.0], [-5.0]])  # neither comes near zero in 40 steps
    return pmcmc.sample(
        density,
        x0,
        40,
        kernel=kernel,
        n_chains=2,
        solver=solver,
        chain_method="sequential",
        **choices,
    )


def test_chains_held_by_a_batch_are_named():
    with pytest.warns(UserWarning, match="for chain 0 alone but not in a batch.*'sequential'"):
        held = run(pmcmc.Speculative(window=8))
    assert not held.stats["is_accepted"][0].any()
    loop = run("sequential")
    assert loop.stats["is_accepted"][0].any()
    np.testing.assert_array_equal(held.stats["is_accepted"][1], loop.stats["is_accepted"][1])


def test_a_chain_that_stands_still_for_another_reason_is_not():
    def steep(x):
        return -0.5 * jnp.sum((x / 1e-6) ** 2)

    kernel = pmcmc.RandomWalkMetropolis(1.0)
    still = pmcmc.sample(steep, np.zeros(1), 40, kernel=kernel, solver=pmcmc.Speculative(window=8))
    assert not still.stats["is_accepted"].any()
