"""The region that a chain has visited, which limits the iterates of sweeps."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from pmcmc.solvers.place import Place

_WIDTHS = 2.0  # to each side; from 0.5 to 4, the number of sweeps is about that without a bound


class Region(NamedTuple):
    """The box of what a chain has visited, or could have visited by one step from there.

    The iterates of a sweep may be far outside, where a map may take forever or raise an error,
    although the chain never goes there.

    Args:
        low: lower bounds of the coordinates, shape `(D,)`.
        high: upper bounds of the coordinates, shape `(D,)`.
    """

    low: jax.Array
    high: jax.Array

    @classmethod
    def nothing_like(cls, state: jax.Array) -> "Region":
        """The empty region for states like this one."""
        return cls(
            jnp.full(state.shape, jnp.inf, state.dtype),
            jnp.full(state.shape, -jnp.inf, state.dtype),
        )

    def include(self, rows: jax.Array, is_seen: jax.Array | bool = True) -> "Region":
        """The box that also contains the finite rows among the seen rows `(W, D)`."""
        counts = (is_seen & jnp.all(jnp.isfinite(rows), axis=-1))[:, None]
        return Region(
            jnp.minimum(self.low, jnp.min(jnp.where(counts, rows, self.low[None]), axis=0)),
            jnp.maximum(self.high, jnp.max(jnp.where(counts, rows, self.high[None]), axis=0)),
        )

    def everywhere(self, place: Place) -> "Region":
        """The box that contains the boxes of all devices."""
        return Region(place.min(self.low), place.max(self.high))

    def keep(self, rows: jax.Array, safe: jax.Array) -> jax.Array:
        """Replace rows `(W, D)` that are far outside, or not finite, by a safe point `(D,)`.

        A point at the edge would be closer, but the density may be hard to evaluate there too.
        """
        rounding = jnp.finfo(rows.dtype).eps ** 0.5 * jnp.maximum(abs(self.low), abs(self.high))
        margin = _WIDTHS * (self.high - self.low) + rounding
        low, high = (self.low - margin)[None], (self.high + margin)[None]
        is_inside = jnp.all((rows >= low) & (rows <= high), axis=-1)
        return jnp.where(is_inside[:, None], rows, safe[None])
