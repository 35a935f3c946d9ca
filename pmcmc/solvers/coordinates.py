"""Coordinates in which transition matrices are estimated."""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Coordinates(NamedTuple):
    """Coordinates `y = basis.T @ s` in which matrices are estimated; `None` leaves states alone.

    Args:
        basis: orthogonal matrix, shape `(D, D)`, or `None`. A smaller one, whose size divides `D`,
            applies to each part of the state of that size (position and momentum, say).
    """

    basis: jax.Array | None

    def enter(self, vector: jax.Array) -> jax.Array:
        """From the coordinates of the state to those of the basis, along the last axis."""
        return vector if self.basis is None else _multiply(vector, self.basis)

    def leave(self, vector: jax.Array) -> jax.Array:
        """From the coordinates of the basis to those of the state, along the last axis."""
        return vector if self.basis is None else _multiply(vector, self.basis.T)


def _multiply(vector: jax.Array, matrix: jax.Array) -> jax.Array:
    parts = vector.reshape(*vector.shape[:-1], -1, matrix.shape[0])
    product = jnp.matmul(parts, matrix, precision=jax.lax.Precision.HIGHEST)
    return product.reshape(vector.shape)
