"""The contents of a traced function."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr

_LOOPS = {"scan", "while"}
# Batches of these wait for XLA's threads on a CPU.
_FACTORIZATIONS = {"cholesky", "eig", "eigh", "geqrf", "householder_product", "lu", "qr", "schur"}
_FACTORIZATIONS |= {"svd", "triangular_solve"}


class Contents(NamedTuple):
    """The contents of a traced function, including the functions that it calls.

    Args:
        has_loop: whether there is a `scan` or a `while` loop.
        has_callback: whether there is an effect outside the program, such as a call of the host.
        n_operations: approximate number of operations on numbers; loops count one iteration.
        may_deadlock: whether two such programs at once on a CPU may wait for each other's threads
            forever. Factorizations of batches of matrices do so in jaxlib 0.10.2, also without
            this package.
        has_while: whether there is a `while` loop, whose number of rounds may depend on its input.
    """

    has_loop: bool
    has_callback: bool
    n_operations: int = 0
    may_deadlock: bool = False
    has_while: bool = False


def contents_of(traced: ClosedJaxpr) -> Contents:
    """The contents of a traced function.

    Args:
        traced: the result of `jax.make_jaxpr`.
    """
    equations = list(_equations(traced.jaxpr))
    names = {equation.primitive.name for equation in equations}
    has_callback = bool(traced.effects) or any("callback" in name for name in names)
    n_operations = sum(map(_n_operations, equations))
    may_deadlock = any(map(_waits_for_threads, equations))
    has_loop, has_while = bool(names & _LOOPS), "while" in names
    return Contents(has_loop, has_callback, n_operations, may_deadlock, has_while)


def _equations(jaxpr: Jaxpr) -> Iterator[Any]:
    """All equations, including those in branches, loop bodies and custom rules."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=_is_jaxpr):
            if _is_jaxpr(inner):
                yield from _equations(inner.jaxpr if isinstance(inner, ClosedJaxpr) else inner)


def _waits_for_threads(equation: Any) -> bool:
    is_factorization = equation.primitive.name in _FACTORIZATIONS
    return bool(is_factorization and equation.invars[0].aval.ndim > 2)


def _n_operations(equation: Any) -> int:
    """One per output number; for matrix products, one per term of the sums."""
    n_results = sum(math.prod(getattr(out.aval, "shape", ())) for out in equation.outvars)
    if equation.primitive.name != "dot_general":
        return n_results
    (contracted, _), _ = equation.params["dimension_numbers"]
    return n_results * math.prod(equation.invars[0].aval.shape[i] for i in contracted)


def _is_jaxpr(value: Any) -> bool:
    return isinstance(value, Jaxpr | ClosedJaxpr)
