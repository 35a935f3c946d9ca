"""Coordinates in which Jacobians are estimated."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from pmcmc._util.products import product


class Coordinates(NamedTuple):
    """Coordinates `y` of states `s = basis @ y`; `None` leaves states alone.

    A basis of half the size of the state is for position and momentum (or gradient): the second
    half is dual to the first and transforms with the inverse transpose.

    Args:
        basis: invertible matrix, shape `(D, D)` or `(D / 2, D / 2)`, or `None`.
        dual: its inverse transpose.
    """

    basis: jax.Array | None
    dual: jax.Array | None

    @classmethod
    def of(cls, basis: jax.Array | None) -> "Coordinates":
        """The coordinates of a basis."""
        return cls(basis, None if basis is None else jnp.linalg.inv(basis).T)

    def enter(self, vector: jax.Array) -> jax.Array:
        """From the coordinates of the state to those of the basis, along the last axis."""
        return _multiply(vector, self.dual, self.basis)

    def leave(self, vector: jax.Array) -> jax.Array:
        """From the coordinates of the basis to those of the state, along the last axis."""
        if self.basis is None or self.dual is None:
            return vector
        return _multiply(vector, self.basis.T, self.dual.T)


def _multiply(
    vector: jax.Array, matrix: jax.Array | None, of_second_half: jax.Array | None
) -> jax.Array:
    """Rows of `vector` times the matrix, or its halves times one matrix each."""
    if matrix is None or of_second_half is None:
        return vector
    if vector.shape[-1] == matrix.shape[0]:
        return product(vector, matrix)
    halves = zip(jnp.split(vector, 2, axis=-1), (matrix, of_second_half), strict=True)
    return jnp.concatenate([_multiply(half, m, m) for half, m in halves], axis=-1)
