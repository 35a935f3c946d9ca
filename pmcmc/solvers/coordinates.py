"""Coordinates in which transition matrices are estimated."""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Coordinates(NamedTuple):
    """Coordinates `y = basis.T @ s` in which matrices are estimated; `None` leaves states alone.

    Args:
        basis: orthogonal matrix, shape `(D, D)`, or `None`.
    """

    basis: jax.Array | None

    def enter(self, vector: jax.Array) -> jax.Array:
        """From the coordinates of the state to those of the basis, along the last axis."""
        if self.basis is None:
            return vector
        return jnp.matmul(vector, self.basis, precision=jax.lax.Precision.HIGHEST)

    def leave(self, vector: jax.Array) -> jax.Array:
        """From the coordinates of the basis to those of the state, along the last axis."""
        if self.basis is None:
            return vector
        return jnp.matmul(vector, self.basis.T, precision=jax.lax.Precision.HIGHEST)
