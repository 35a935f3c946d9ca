"""Parallel scans of linear recurrences."""

from typing import Any

import jax
from jax import lax

from pmcmc.solvers.structures import Structure


def affine_scan(structure: Structure, matrices: Any, offsets: jax.Array) -> jax.Array:
    """All `y_t = A_t y_{t-1} + b_t` with `y_0 = 0`, in a logarithmic number of parallel rounds.

    Args:
        structure: of the matrices.
        matrices: `A_1..A_W`, a pytree with leading axis `W`.
        offsets: `b_1..b_W`, shape `(W, D)`.
    """

    def combine(earlier: Any, later: Any) -> Any:
        (matrix_1, offset_1), (matrix_2, offset_2) = earlier, later
        product = structure.compose(matrix_2, matrix_1)
        return product, structure.apply(matrix_2, offset_1) + offset_2

    return lax.associative_scan(jax.vmap(combine), (matrices, offsets))[1]
