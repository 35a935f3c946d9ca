"""Which numbers of its argument the outputs of a function depend on."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import Jaxpr, Literal

Sources = frozenset[int]
# The number that each element is, or all the numbers that the elements depend on.
Origin = np.ndarray | Sources

# Indices only select numbers. The data are the first operand, or all but the first.
_SELECTIONS = {
    "gather": slice(0, 1),
    "dynamic_slice": slice(0, 1),
    "select_n": slice(1, None),
}
_CALLS = ("jit", "pjit")


def sources(function: Callable[[Any], Any], x: Any) -> Any:
    """The numbers that each output leaf depends on, as a pytree of sets.

    Numbers are indices: first the elements of the argument's leaves, then the arrays that the
    function closes over, each counted as one. Scalars and traced arrays among these are ignored.

    Args:
        function: of a pytree of arrays.
        x: its argument.
    """
    closed, out = jax.make_jaxpr(function, return_shape=True)(x)
    count = itertools.count()
    inputs: list[Origin] = []
    for variable in closed.jaxpr.invars:
        shape = variable.aval.shape
        numbers = itertools.islice(count, math.prod(shape))
        inputs.append(np.fromiter(numbers, np.int64).reshape(shape))
    constants: list[Origin] = []
    for value in closed.consts:
        is_left_out = isinstance(value, jax.core.Tracer) or np.ndim(value) == 0
        constants.append(frozenset() if is_left_out else frozenset({next(count)}))
    found = _through(closed.jaxpr, inputs, constants)
    return jax.tree.unflatten(jax.tree.structure(out), list(map(_as_set, found)))


def _through(jaxpr: Jaxpr, inputs: Sequence[Origin], constants: Sequence[Origin]) -> list[Origin]:
    known = dict(zip([*jaxpr.invars, *jaxpr.constvars], [*inputs, *constants], strict=True))

    def of(variable: Any) -> Origin:
        return frozenset() if isinstance(variable, Literal) else known.get(variable, frozenset())

    for equation in jaxpr.eqns:
        operands = [of(variable) for variable in equation.invars]
        name = equation.primitive.name
        moved = _moved(name, equation.params, *operands[:1])
        if name in _CALLS:
            inner = equation.params["jaxpr"]
            results = _through(inner.jaxpr, operands, [frozenset()] * len(inner.consts))
        elif moved is not None:
            results = [moved]
        else:
            used = operands[_SELECTIONS.get(name, slice(None))]
            union = frozenset(itertools.chain.from_iterable(map(_as_set, used)))
            results = [union] * len(equation.outvars)
        known.update(zip(equation.outvars, results, strict=True))
    return [of(variable) for variable in jaxpr.outvars]


def _moved(name: str, params: Any, numbers: Origin = frozenset()) -> np.ndarray | None:
    """The numbers after an operation that only selects or moves them; `None` for others."""
    if not isinstance(numbers, np.ndarray):
        return None
    if name == "slice":
        bounds = params["start_indices"], params["limit_indices"]
        steps = params["strides"] or (1,) * numbers.ndim
        return numbers[tuple(map(slice, *bounds, steps))]
    if name == "squeeze":
        return np.squeeze(numbers, params["dimensions"])
    if name == "reshape":
        return numbers.reshape(params["new_sizes"])
    return numbers if name == "convert_element_type" else None


def _as_set(origin: Origin) -> Sources:
    return frozenset(origin.ravel().tolist() if isinstance(origin, np.ndarray) else origin)
