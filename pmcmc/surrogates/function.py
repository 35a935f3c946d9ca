"""The user's own functions as stand-ins for a log density."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from pmcmc._util.checks import is_concrete, short
from pmcmc.surrogates.base import Surrogate


class FunctionSurrogate(Surrogate, static=("function", "unravel")):
    """A function of the position, such as a coarser solver of the same differential equation.

    Args:
        function: from a position with the structure of `x0` to a scalar.
        unravel: from a flat position to that structure, set by `flatten`.
    """

    function: Callable[[Any], jax.Array]
    unravel: Callable[[jax.Array], Any] | None = None

    def __call__(self, position: Any) -> jax.Array:
        """The value of the function at a position, which is flat if there is an `unravel`."""
        return self.function(position if self.unravel is None else self.unravel(position))

    def flatten(self, unravel: Callable[[jax.Array], Any]) -> "FunctionSurrogate":
        return dataclasses.replace(self, unravel=unravel)

    def __str__(self) -> str:
        name = getattr(self.function, "__qualname__", repr(self.function))
        return f"FunctionSurrogate({name})"


def as_surrogate(value: Any) -> Surrogate:
    """The surrogate for the user's argument.

    Args:
        value: a surrogate, or a function of the position.

    Raises:
        ValueError: `value` is neither.
    """
    if isinstance(value, Surrogate):
        return value
    # JAX may put placeholders, which are not functions, in place of a surrogate.
    if callable(value) and not isinstance(value, type):
        return FunctionSurrogate(value)
    if is_concrete(value) or value is None or isinstance(value, type):
        raise ValueError(
            "surrogate must be 'auto', a pmcmc.surrogates.Surrogate or a function of the position, "
            f"got {short(value)}: write surrogate='auto'."
        )
    return value
