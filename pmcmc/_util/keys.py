"""Random keys: as users write them, and numbers drawn with many of them."""

import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pmcmc._util.checks import short

_OURS = "threefry2x32"


def internal_key(seed: int) -> jax.Array:
    """A key for numbers of our own, whatever JAX's default implementation is."""
    return jax.random.key(seed, impl=_OURS)


def can_be_batched(implementation: Any) -> bool:
    """Whether `jax.vmap` draws with each of many keys what is drawn with each of them alone.

    Of the keys of `rbg` and `unsafe_rbg` JAX uses the first one only.
    """
    return bool(implementation == _OURS)


def check_no_keys(noise: Any) -> None:
    """Raise where noise has keys in it: what is drawn with them later depends on the batch."""
    if any(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) for leaf in jax.tree.leaves(noise)):
        raise ValueError(
            "noise must be made of numbers, got keys: draw with them there, e.g. "
            "noise=lambda key, x: jax.random.normal(key, x.shape, x.dtype)."
        )


def map_with_keys(rng_key: jax.Array, function: Callable[[Any], Any], xs: Any) -> Any:
    """`function` of each of `xs`, which draws with keys derived from `rng_key`.

    All at once where that draws the same numbers as one at a time.
    """
    if can_be_batched(jax.random.key_impl(rng_key)):
        return jax.vmap(function)(xs)
    return lax.map(function, xs)


def as_key(rng_key: jax.Array | int) -> jax.Array:
    """A typed key from a typed or a raw one, or from a seed.

    Raises:
        ValueError: it is neither.
    """
    try:
        if isinstance(rng_key, np.ndarray | jax.Array):
            if rng_key.shape == () and jnp.issubdtype(rng_key.dtype, jax.dtypes.prng_key):
                return rng_key
            if rng_key.dtype == np.uint32 and rng_key.ndim == 1:
                return _wrap(rng_key)
        if not isinstance(rng_key, bool | np.bool_):
            return jax.random.key(operator.index(rng_key))
    except (TypeError, OverflowError):
        pass  # neither the data of a key nor an integer that fits
    raise ValueError(
        f"rng_key must be one key or an integer below 2**63, got {short(rng_key)}: write rng_key=0 "
        "or rng_key=jax.random.key(0)."
    )


def _wrap(data: np.ndarray | jax.Array) -> jax.Array:
    default = jax.random.key_impl(jax.random.key(0))
    size = jax.random.key_data(jax.random.key(0)).shape[0]
    if data.shape != (size,):
        other = {2: _OURS, 4: "rbg"}.get(data.shape[0], default)
        raise ValueError(
            f"rng_key of shape {data.shape} is no raw key of {default}, JAX's default here, which "
            f"has shape ({size},): write rng_key=jax.random.wrap_key_data(rng_key, impl={other!r})."
        )
    return jax.random.wrap_key_data(jnp.asarray(data))
