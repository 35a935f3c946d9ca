"""A log density of pytrees as one of flat vectors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax


@dataclass(frozen=True)
class FlatLogDensity:
    """A log density as a function of a flat position, with values of the position's dtype.

    Compiled code is found again for the same function and layout, see `_util.programs`. The user's
    function is wrapped in `jax.jit` to be traced once for all programs that contain it.
    """

    function: Callable[..., jax.Array]
    unravel: Callable[[jax.Array], Any]
    data: tuple[Any, ...] = ()

    def __call__(self, position: jax.Array) -> jax.Array:
        value = jax.jit(self.function)(self.unravel(position), *self.data)
        return value.astype(position.dtype)


@dataclass(frozen=True, eq=False)
class WithData:
    """A log density `function(position, *data)` whose data do not belong to compiled code."""

    function: Callable[..., jax.Array]
    data: tuple[Any, ...]

    def __call__(self, position: Any) -> jax.Array:
        return self.function(position, *self.data)
