"""Keys as users write them."""

import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def as_key(rng_key: jax.Array | int) -> jax.Array:
    """A key of `jax.random`, typed or raw, as it is; an integer as the key with this seed.

    Raises:
        ValueError: it is neither, or several keys.
    """
    if _key_axes(rng_key) == 0:
        return jnp.asarray(rng_key)
    try:
        if not isinstance(rng_key, bool):
            return jax.random.key(operator.index(rng_key))
    except (TypeError, OverflowError):
        pass  # no integer, or one that does not fit
    raise ValueError(
        f"rng_key must be one key or an integer below 2**63, got {_described(rng_key)}: write "
        "rng_key=jax.random.key(0)."
    )


def as_keys(keys: jax.Array) -> jax.Array:
    """Keys of `jax.random`, one a step, typed or raw, as they are.

    Raises:
        ValueError: they are not.
    """
    if _key_axes(keys) == 1 and len(keys):
        return jnp.asarray(keys)
    raise ValueError(
        f"keys must be one key a step, got {_described(keys)}: write "
        "keys=jax.random.split(rng_key, n_steps)."
    )


def _key_axes(keys: Any) -> int | None:
    """The number of axes of an array of keys; `None` for anything else."""
    if not isinstance(keys, np.ndarray | jax.Array):
        return None
    if jnp.issubdtype(keys.dtype, jax.dtypes.prng_key):
        return keys.ndim
    return keys.ndim - 1 if keys.dtype == np.uint32 else None


def _described(value: Any) -> str:
    """On one line, whatever it is."""
    if isinstance(value, np.ndarray | jax.Array):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    return f"an instance of {type(value).__name__}"
