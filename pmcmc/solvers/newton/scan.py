"""Scans: all prefixes of a sequence, in order or in parallel rounds."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc.solvers.newton.structures import Structure


def is_in_order() -> bool:
    """Whether scans go through the sequence one by one.

    On a CPU that is 1.2 to 8 times faster than scans in blocks or in rounds, for which matrices
    have to be multiplied (`benchmarks/scans.py`); elsewhere one element after another costs a
    latency each.
    """
    return jax.default_backend() == "cpu"


def affine_scan(structure: Structure, matrices: Any, offsets: jax.Array) -> jax.Array:
    """All `y_t = A_t y_{t-1} + b_t` with `y_0 = 0`.

    Args:
        structure: of the matrices.
        matrices: `A_1..A_W`, a pytree with leading axis `W`.
        offsets: `b_1..b_W`, shape `(W, D)`.
    """
    if is_in_order():

        def step(vector: jax.Array, row: Any) -> tuple[jax.Array, jax.Array]:
            matrix, offset = row
            vector = structure.apply(matrix, vector) + offset
            return vector, vector

        return lax.scan(step, jnp.zeros_like(offsets[0]), (matrices, offsets))[1]

    def combine(earlier: Any, later: Any) -> Any:
        (matrix_1, offset_1), (matrix_2, offset_2) = earlier, later
        product = structure.compose(matrix_2, matrix_1)
        return product, structure.apply(matrix_2, offset_1) + offset_2

    return scan(combine, (matrices, offsets))[1]


def scan(combine: Callable[[Any, Any], Any], elements: Any) -> Any:
    """All prefixes `x_1`, `x_1 * x_2`, ... under an associative `combine(earlier, later)`.

    Args:
        combine: of two elements.
        elements: a pytree with a leading axis.
    """
    if not is_in_order():
        return lax.associative_scan(jax.vmap(combine), elements)
    first = jax.tree.map(lambda leaf: leaf[0], elements)

    def step(before: Any, element: Any) -> tuple[Any, Any]:
        after = combine(before, element)
        return after, after

    rest = lax.scan(step, first, jax.tree.map(lambda leaf: leaf[1:], elements))[1]
    return jax.tree.map(lambda x, xs: jnp.concatenate([x[None], xs]), first, rest)
