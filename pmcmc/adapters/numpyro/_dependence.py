"""Which inputs the numbers that a function returns are made of."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import Jaxpr, Literal

Sources = frozenset[int]

# What selects numbers is not what they are made of: the first operand only, or all but the first.
_SELECTIONS = {
    "gather": slice(0, 1),
    "dynamic_slice": slice(0, 1),
    "select_n": slice(1, None),
}
_CALLS = ("jit", "pjit")


def sources(function: Callable[[Any], Any], x: Any) -> Any:
    """The arrays that each output is made of, as a set of numbers in the place of each leaf.

    Arrays are the leaves of the argument, and those that the function closes over, unless they
    are scalars or themselves being traced.

    Args:
        function: of a pytree of arrays.
        x: its argument.
    """
    closed, out = jax.make_jaxpr(function, return_shape=True)(x)
    n_leaves = len(closed.jaxpr.invars)
    constants = [
        frozenset() if isinstance(value, jax.core.Tracer) or np.ndim(value) == 0 else {n_leaves + i}
        for i, value in enumerate(closed.consts)
    ]
    inputs = [frozenset({i}) for i in range(n_leaves)]
    found = _through(closed.jaxpr, inputs, [frozenset(c) for c in constants])
    return jax.tree.unflatten(jax.tree.structure(out), found)


def _through(
    jaxpr: Jaxpr, inputs: Sequence[Sources], constants: Sequence[Sources]
) -> list[Sources]:
    known = dict(zip([*jaxpr.invars, *jaxpr.constvars], [*inputs, *constants], strict=True))

    def of(variable: Any) -> Sources:
        return frozenset() if isinstance(variable, Literal) else known.get(variable, frozenset())

    for equation in jaxpr.eqns:
        operands = [of(variable) for variable in equation.invars]
        name = equation.primitive.name
        if name in _CALLS:
            inner = equation.params["jaxpr"]
            results = _through(inner.jaxpr, operands, [frozenset()] * len(inner.consts))
        else:
            used = operands[_SELECTIONS.get(name, slice(None))]
            union: Sources = frozenset(itertools.chain.from_iterable(used))
            results = [union] * len(equation.outvars)
        known.update(zip(equation.outvars, results, strict=True))
    return [of(variable) for variable in jaxpr.outvars]
