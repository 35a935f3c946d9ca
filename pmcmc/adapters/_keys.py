"""Keys as users write them."""

import operator

import jax


def as_key(rng_key: jax.Array | int) -> jax.Array:
    """A key of `jax.random`, typed or raw, as it is; an integer as the key with this seed."""
    if getattr(rng_key, "ndim", 0) or jax.dtypes.issubdtype(
        getattr(rng_key, "dtype", int), jax.dtypes.prng_key
    ):
        return rng_key
    return jax.random.key(operator.index(rng_key))
