"""Keys as users write them."""

import operator

import jax
import jax.numpy as jnp
import numpy as np


def as_key(rng_key: jax.Array | int) -> jax.Array:
    """A key of `jax.random`, typed or raw, as it is; an integer as the key with this seed."""
    if isinstance(rng_key, np.ndarray | jax.Array):
        is_seed = rng_key.ndim == 0 and jnp.issubdtype(rng_key.dtype, jnp.integer)
        if not is_seed:
            return jnp.asarray(rng_key)
    return jax.random.key(operator.index(rng_key))
