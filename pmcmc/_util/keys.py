"""Random keys: the forms that users pass, and draws with many keys."""

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
    """A key for our own numbers, independent of JAX's default implementation."""
    return jax.random.key(seed, impl=_OURS)


def can_be_batched(implementation: Any) -> bool:
    """Whether `jax.vmap` over keys draws the same numbers as each key alone.

    For `rbg` and `unsafe_rbg` keys, JAX uses only the first one.
    """
    return bool(implementation == _OURS)


def check_no_keys(noise: Any) -> None:
    """Raise if noise contains keys: later draws with them would depend on the batch."""
    if any(map(_is_typed, jax.tree.leaves(noise))):
        raise ValueError(
            "noise must consist of numbers, got keys: use them to draw there, e.g. "
            "noise=lambda key, x: jax.random.normal(key, x.shape, x.dtype)."
        )


def map_with_keys(rng_key: jax.Array, function: Callable[[Any], Any], xs: Any) -> Any:
    """Apply `function`, which draws with keys derived from `rng_key`, to each of `xs`.

    It runs on all of them at once if that draws the same numbers as one at a time.
    """
    if can_be_batched(jax.random.key_impl(rng_key)):
        return jax.vmap(function)(xs)
    return lax.map(function, xs)


def as_key(rng_key: jax.Array | int) -> jax.Array:
    """A typed key from a typed or a raw one, or from a seed.

    Raises:
        ValueError: it is neither.
    """
    key = check_key(rng_key)
    return key if _is_typed(key) else jax.random.wrap_key_data(key)


def check_key(rng_key: jax.Array | int) -> jax.Array:
    """One key, typed or raw, unchanged; a seed becomes a typed key.

    Raises:
        ValueError: it is neither.
    """
    if key_axes(rng_key) == 0:
        if not _is_typed(rng_key):
            _check_size(rng_key)
        return jnp.asarray(rng_key)
    try:
        if not isinstance(rng_key, bool | np.bool_):
            return jax.random.key(operator.index(rng_key))
    except (TypeError, OverflowError):
        pass  # neither the data of a key nor an integer that fits
    raise ValueError(
        f"rng_key must be one key or an integer below 2**63, got {short(rng_key)}: write rng_key=0 "
        "or rng_key=jax.random.key(0)."
    )


def check_keys(keys: jax.Array) -> jax.Array:
    """Check keys, one per step, typed or raw, and return them unchanged.

    Raises:
        ValueError: they are not.
    """
    if key_axes(keys) == 1 and len(keys):
        return jnp.asarray(keys)
    raise ValueError(
        f"keys must be one key per step, got {short(keys)}: write "
        "keys=jax.random.split(rng_key, n_steps)."
    )


def key_axes(keys: Any) -> int | None:
    """The number of axes of an array of keys, typed or raw; `None` for anything else."""
    if not isinstance(keys, np.ndarray | jax.Array):
        return None
    if _is_typed(keys):
        return keys.ndim
    return keys.ndim - 1 if keys.dtype == np.uint32 and keys.ndim else None


def _is_typed(keys: Any) -> bool:
    return bool(jnp.issubdtype(keys.dtype, jax.dtypes.prng_key))


def _check_size(raw: Any) -> None:
    default = jax.random.key_impl(jax.random.key(0))
    size = jax.random.key_data(jax.random.key(0)).shape[0]
    if raw.shape != (size,):
        other = {2: _OURS, 4: "rbg"}.get(raw.shape[0], default)
        raise ValueError(
            f"rng_key of shape {raw.shape} is not a raw key of {default}, JAX's default here, "
            f"which has shape ({size},): write rng_key=jax.random.wrap_key_data(rng_key, "
            f"impl={other!r})."
        )
