"""The common part of diagonal matrices and multiples of the identity."""

import jax
import jax.numpy as jnp

from pmcmc.solvers.newton.structures.base import Structure


class Elementwise(Structure):
    """Matrices that multiply entry by entry: a vector `(D,)` or, for all coordinates, a scalar."""

    def compose(self, later: jax.Array, earlier: jax.Array) -> jax.Array:
        return later * earlier

    def apply(self, matrix: jax.Array, vector: jax.Array) -> jax.Array:
        return matrix * vector

    def clip(self, matrix: jax.Array, rho: jax.Array | float) -> jax.Array:
        return jnp.clip(matrix, -rho, rho)

    def clip_between(
        self, matrix: jax.Array, low: jax.Array | float, high: jax.Array | float
    ) -> jax.Array:
        return jnp.clip(matrix, low, high)

    def transpose(self, matrix: jax.Array) -> jax.Array:
        return matrix

    def identity_like(self, matrix: jax.Array) -> jax.Array:
        return jnp.ones_like(matrix)

    def resolvent(self, matrix: jax.Array) -> jax.Array:
        return 1 / (1 + matrix)
