"""What there is in a traced function."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr

_LOOPS = {"scan", "while"}


class Contents(NamedTuple):
    """What there is in a traced function, in the functions that it calls too.

    Args:
        has_loop: whether a `scan` or a `while` loop.
        has_callback: whether something that is seen from outside, such as a call of the host.
    """

    has_loop: bool
    has_callback: bool


def contents_of(traced: ClosedJaxpr) -> Contents:
    """What there is in it.

    Args:
        traced: as `jax.make_jaxpr` returns it.
    """
    names = set(_names(traced.jaxpr))
    has_callback = bool(traced.effects) or any("callback" in name for name in names)
    return Contents(bool(names & _LOOPS), has_callback)


def _names(jaxpr: Jaxpr) -> Iterator[str]:
    """Of all operations, those of branches, bodies of loops and rules of the user's included."""
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=_is_jaxpr):
            if _is_jaxpr(inner):
                yield from _names(inner.jaxpr if isinstance(inner, ClosedJaxpr) else inner)


def _is_jaxpr(value: Any) -> bool:
    return isinstance(value, Jaxpr | ClosedJaxpr)
