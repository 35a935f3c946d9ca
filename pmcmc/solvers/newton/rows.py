"""Handling of rows that overflowed."""

from typing import Any

import jax
import jax.numpy as jnp


def largest(sizes: jax.Array) -> jax.Array:
    """The largest size of each row, infinite if one is NaN."""
    return jnp.max(jnp.where(jnp.isnan(sizes), jnp.inf, sizes), axis=-1)


def cleaned(matrices: Any, is_jacobi: jax.Array) -> Any:
    """The matrices, zero where they overflowed and where a Jacobi sweep is wanted.

    Any matrix is valid, but one that is not finite would spoil all later rows.
    """

    def clean(leaf: jax.Array) -> jax.Array:
        is_zero = is_jacobi.reshape(-1, *[1] * (leaf.ndim - 1)) | ~jnp.isfinite(leaf)
        return jnp.where(is_zero, jnp.zeros_like(leaf), leaf)

    return jax.tree.map(clean, matrices)
