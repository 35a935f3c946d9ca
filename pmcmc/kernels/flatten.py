"""Users' functions of structured positions, as functions of flat ones.

Two of them are equal if they come from the same function, so compiled code is reused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from pmcmc._util.checks import first_line


@dataclass(frozen=True)
class _Flat:
    function: Callable[..., Any]
    unravel: Callable[[jax.Array], Any]

    def __repr__(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))

    def _call(self, *arguments: Any) -> Any:
        """Call the user's function, which is traced once for all programs that contain it."""
        try:
            return jax.jit(self.function)(*arguments)
        except Exception as error:
            raise ValueError(
                f"{self!r} could not be traced by JAX at a position like x0 "
                f"({first_line(error)}): write it with jax.numpy instead of numpy "
                "and jnp.where instead of if, for positions of the structure of x0."
            ) from error


class FlatMap(_Flat):
    """`(position, noise) -> position`."""

    def __call__(self, position: jax.Array, noise: Any) -> jax.Array:
        given = self.unravel(position)
        moved = self._call(given, noise)
        got, expected = (jax.tree.map(jnp.shape, tree) for tree in (moved, given))
        if got != expected:
            raise ValueError(
                f"{self!r} must return a position of the structure and shapes {expected}, got "
                f"{got}: return one like its first argument."
            )
        return ravel_pytree(moved)[0].astype(position.dtype)


class FlatDraw(_Flat):
    """`(rng_key, position) -> noise`."""

    def __call__(self, rng_key: jax.Array, position: jax.Array) -> Any:
        return self._call(rng_key, self.unravel(position))


class FlatScalar(_Flat):
    """`(position, proposal) -> scalar`."""

    def __call__(self, position: jax.Array, proposal: jax.Array) -> jax.Array:
        value = self._call(self.unravel(position), self.unravel(proposal))
        if jnp.shape(value) != ():
            raise ValueError(
                f"{self!r} must return a scalar, got shape {jnp.shape(value)}: write e.g. "
                "jnp.sum(...)."
            )
        return value
