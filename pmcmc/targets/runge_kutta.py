"""A step of the classical Runge-Kutta method."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax

_State = TypeVar("_State")


def runge_kutta(
    derivative: Callable[[Any, _State], _State],
    state: _State,
    size: float,
    inputs: tuple[Any, Any, Any] = (None, None, None),
) -> _State:
    """The state after a fourth-order step.

    If steps are sequential, a tuple of numbers is faster than an array.

    Args:
        derivative: `(input, state) -> time derivative of the state`.
        state: a pytree of arrays.
        size: duration of the step.
        inputs: other inputs of the derivative, at the start, the middle and the end of the step.
    """

    def shifted(slope: _State, by: float) -> _State:
        return jax.tree.map(lambda x, dx: x + by * dx, state, slope)

    start, middle, end = inputs
    first = derivative(start, state)
    second = derivative(middle, shifted(first, size / 2))
    third = derivative(middle, shifted(second, size / 2))
    fourth = derivative(end, shifted(third, size))
    mean = jax.tree.map(
        lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, first, second, third, fourth
    )
    return shifted(mean, size)
