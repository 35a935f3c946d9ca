"""Checks of calls of `MCMC`: keys, and no tracers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._util.keys import check_key, key_axes


def check_outside_of_jax(rng_key: Any, *values: Any) -> None:
    """Check that a call is not traced.

    Raises:
        ValueError: `jax.jit` or `jax.vmap` traces it.
    """
    # Under `jax.jit` every new array is a tracer; under `jax.vmap` only mapped ones are.
    leaves = jax.tree.leaves((rng_key, values, jnp.zeros(())))
    if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        raise ValueError(
            "MCMC of pmcmc must be called with arrays, got a tracer: it collects draws on the "
            "host, so it cannot be transformed by jax.jit, jax.vmap or jax.pmap. Write "
            "num_chains=4 for several chains, a loop such as `for y in datasets: mcmc.run(rng_key, "
            "y)` for several runs, or use numpyro.infer.MCMC."
        )


def one_key(rng_key: Any, num_chains: int) -> jax.Array:
    """The key for the noise of all chains.

    Args:
        rng_key: a key of `jax.random`, typed or raw, an integer, or one key per chain; then the
            words of the other keys are folded into the first.
        num_chains: number of chains.

    Raises:
        ValueError: it is something else.
    """
    if not key_axes(rng_key):  # several keys have axes
        return check_key(rng_key)
    keys = jnp.asarray(rng_key)
    data = np.asarray(jax.random.key_data(keys))
    if data.ndim != 2 or len(data) != num_chains:
        raise ValueError(
            f"rng_key must be one key, or num_chains={num_chains} of them, got keys of shape "
            f"{data.shape[:-1]}: write mcmc.run(jax.random.key(0), ...)."
        )
    key = keys[0]
    for word in data[1:].ravel():
        key = jax.random.fold_in(key, word)
    return key
