"""A normal distribution."""

from typing import Any

import jax
import jax.numpy as jnp

from pmcmc.surrogates.base import Surrogate


class GaussianSurrogate(Surrogate):
    mean: Any
    inverse_mass_matrix: Any

    def __call__(self, position: jax.Array) -> jax.Array:
        offset = position - self.mean
        matrix = jnp.asarray(self.inverse_mass_matrix)
        if matrix.ndim == 1:
            return -0.5 * jnp.sum(offset**2 / matrix)
        return -0.5 * offset @ jnp.linalg.solve(matrix, offset)
