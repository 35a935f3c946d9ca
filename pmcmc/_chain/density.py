"""A log density of pytrees as a function of flat vectors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class FlatLogDensity:
    """A log density as a function of a flat position, with values in the position's dtype.

    The same function and layout reuse compiled code, see `_util.programs`. The user's function is
    wrapped in `jax.jit`, so it is traced only once for all programs that contain it.

    Args:
        function: the user's.
        unravel: from a flat position to one as the user wrote it.
        data: further arguments of the function.
        gradient_mode: `"reverse"` or `"forward"`; each has its own compiled code.
    """

    function: Callable[..., jax.Array]
    unravel: Callable[[jax.Array], Any]
    data: tuple[Any, ...] = ()
    gradient_mode: str = "reverse"

    def __call__(self, position: jax.Array) -> jax.Array:
        value = jax.jit(self.function)(self.unravel(position), *self.data)
        return value.astype(position.dtype)

    def value_and_grad(self, position: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Value and gradient `(D,)` at a flat position."""
        if self.gradient_mode == "reverse":
            return jax.value_and_grad(self)(position)
        # One pass for all coordinates: its loops carry the value once, with D derivatives.
        return jax.vmap(
            lambda direction: jax.jvp(self, (position,), (direction,)), out_axes=(None, 0)
        )(jnp.eye(position.size, dtype=position.dtype))


def evaluations_at_once(logdensity: FlatLogDensity | None) -> int | None:
    """How many evaluations run at once, if the log density says so itself; otherwise `None`."""
    return getattr(getattr(logdensity, "function", None), "evaluations_at_once", None)


@dataclass(frozen=True, eq=False)
class WithData:
    """A log density `function(position, *data)` whose data are not compiled in."""

    function: Callable[..., jax.Array]
    data: tuple[Any, ...]

    def __call__(self, position: Any) -> jax.Array:
        return self.function(position, *self.data)
