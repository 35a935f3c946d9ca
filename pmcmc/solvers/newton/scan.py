"""Scans: all prefixes of a sequence, in order or in parallel rounds."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc.solvers.newton.structures import Structure
from pmcmc.solvers.place import InOrder, Place

_HERE = InOrder()


def is_in_order() -> bool:
    """Whether scans go through the sequence one element at a time.

    On a CPU this is 1.2 to 8 times faster than scans in blocks or in rounds, which have to multiply
    matrices (`benchmarks/scans.py`). Elsewhere each element would cost a latency.
    """
    return jax.default_backend() == "cpu"


def affine_scan(
    structure: Structure, matrices: Any, offsets: jax.Array, place: Place = _HERE
) -> jax.Array:
    """All `y_t = A_t y_{t-1} + b_t` with `y_0 = 0`.

    Args:
        structure: structure of the matrices.
        matrices: `A_1..A_W`, a pytree with leading axis `W`.
        offsets: `b_1..b_W`, shape `(W, D)`.
        place: of the rows.
    """
    if is_in_order() and place.n_devices == 1:

        def step(vector: jax.Array, row: Any) -> tuple[jax.Array, jax.Array]:
            matrix, offset = row
            vector = structure.apply(matrix, vector) + offset
            return vector, vector

        return lax.scan(step, jnp.zeros_like(offsets[0]), (matrices, offsets))[1]

    def combine(earlier: Any, later: Any) -> Any:
        (matrix_1, offset_1), (matrix_2, offset_2) = earlier, later
        product = structure.compose(matrix_2, matrix_1)
        return product, structure.apply(matrix_2, offset_1) + offset_2

    return scan(combine, (matrices, offsets), place)[1]


def scan(combine: Callable[[Any, Any], Any], elements: Any, place: Place = _HERE) -> Any:
    """All prefixes `x_1`, `x_1 * x_2`, ... under an associative `combine(earlier, later)`.

    Args:
        combine: combines two elements.
        elements: a pytree with a leading axis.
        place: of the rows that the elements belong to.
    """
    if place.n_devices > 1:
        return _scan_around(combine, elements, place)
    if not is_in_order():
        return lax.associative_scan(jax.vmap(combine), elements)
    first = jax.tree.map(lambda leaf: leaf[0], elements)

    def step(before: Any, element: Any) -> tuple[Any, Any]:
        after = combine(before, element)
        return after, after

    rest = lax.scan(step, first, jax.tree.map(lambda leaf: leaf[1:], elements))[1]
    return jax.tree.map(lambda x, xs: jnp.concatenate([x[None], xs]), first, rest)


def _scan_around(combine: Callable[[Any, Any], Any], elements: Any, place: Place) -> Any:
    """All prefixes where the rows are on several devices.

    Each device combines its own rows, and all exchange their results, one element each. Then each
    device puts the combination of everything before its rows in front of them. The first row of the
    window may be anywhere: nothing is carried across it.
    """

    def joined(earlier: Any, later: Any) -> Any:
        (had_first, before), (has_first, after) = earlier, later
        both = combine(before, after)
        kept = jax.tree.map(lambda x, y: jnp.where(has_first, x, y), after, both)
        return had_first | has_first, kept

    is_first = place.order(len(jax.tree.leaves(elements)[0])) == 0
    own = scan(joined, (is_first, elements))
    totals = place.around(jax.tree.map(lambda x: x[-1], own))
    before = jax.tree.map(lambda x: x[-1], scan(joined, totals))
    return jax.vmap(lambda row: joined(before, row))(own)[1]
