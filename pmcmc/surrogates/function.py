"""Functions of users as stand-ins for a log density."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from pmcmc._util.checks import short
from pmcmc.surrogates.base import Surrogate


class FunctionSurrogate(Surrogate, static=("function", "unravel")):
    function: Callable[[Any], jax.Array]
    unravel: Callable[[jax.Array], Any] | None = None

    def __call__(self, position: Any) -> jax.Array:
        return self.function(position if self.unravel is None else self.unravel(position))

    def flatten(self, unravel: Callable[[jax.Array], Any]) -> "FunctionSurrogate":
        return dataclasses.replace(self, unravel=unravel)


def as_surrogate(value: Any) -> Surrogate:
    if isinstance(value, Surrogate):
        return value
    if callable(value):
        return FunctionSurrogate(value)
    raise ValueError(f"surrogate must be a Surrogate or a function, got {short(value)}")
