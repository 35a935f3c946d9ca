"""The interface of stand-ins for a log density."""

import abc
from collections.abc import Callable
from typing import Any

import jax

from pmcmc._util.pytree import Pytree


class Surrogate(Pytree, abc.ABC):
    """A cheap stand-in for a log density, up to a constant.

    It is a frozen dataclass and a pytree. Fitted values are leaves, so another fit of the same
    shape recompiles nothing.
    """

    @abc.abstractmethod
    def __call__(self, position: jax.Array) -> jax.Array:
        """The stand-in for the log density at a flat position `(D,)`, a scalar."""

    def flatten(self, unravel: Callable[[jax.Array], Any]) -> "Surrogate":
        """The surrogate for flat positions, if it was written for structured ones.

        Args:
            unravel: from a flat position to that structure.
        """
        return self

    def __str__(self) -> str:
        """The kind of surrogate, without fitted values."""
        texts = (f"{name}={getattr(self, name)}" for name in self._static)
        return f"{type(self).__name__}({', '.join(texts)})"
