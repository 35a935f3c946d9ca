"""A run that the tests interrupt: one program for all of them."""

import jax.numpy as jnp
import numpy as np

import pmcmc

START = {"a": np.full((2, 2), 0.3), "b": np.array([-1.0, 1.0])}
ARGUMENTS = dict(
    kernel="mala",
    n_chains=2,
    n_warmup=60,
    solver="sequential",
    chain_method="vectorized",
    gradient_mode="reverse",
    rng_key=3,
)
N_STEPS = 200


def normal(x):
    return -0.5 * jnp.sum(x["a"] ** 2) - 0.5 * (x["b"] - jnp.sum(x["a"])) ** 2


def wider(x):
    return 0.5 * normal(x) - 1.0


def sampled(n_steps=N_STEPS, **changes):
    return pmcmc.sample(normal, START, n_steps, **(ARGUMENTS | changes))


def assert_same(result, expected):
    """The same chain, to the last bit."""
    for name in expected.positions:
        np.testing.assert_array_equal(result.positions[name], expected.positions[name])
    assert result.stats.keys() == expected.stats.keys()
    for name, values in expected.stats.items():
        np.testing.assert_array_equal(result.stats[name], values)
    np.testing.assert_array_equal(
        result.final_state.position["a"], expected.final_state.position["a"]
    )
