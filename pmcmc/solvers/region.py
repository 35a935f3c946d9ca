"""Where a chain has been: sweeps have no business far outside."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from pmcmc.solvers.place import Place

_WIDTHS = 2.0  # to each side: sweeps take about as many as without a bound (measured from 0.5 to 4)


class Region(NamedTuple):
    """The box of what a chain has visited, or could have visited by one step from there.

    The iterates of a sweep may be anywhere, and there a map may take for ever, or refuse to be
    evaluated, although the chain never goes there.

    Args:
        low: of each coordinate, shape `(D,)`.
        high: of each coordinate, shape `(D,)`.
    """

    low: jax.Array
    high: jax.Array

    @classmethod
    def nothing_like(cls, state: jax.Array) -> "Region":
        """The empty region of such states."""
        return cls(
            jnp.full(state.shape, jnp.inf, state.dtype),
            jnp.full(state.shape, -jnp.inf, state.dtype),
        )

    def include(self, rows: jax.Array, is_seen: jax.Array | bool = True) -> "Region":
        """The box of this one and of the rows `(W, D)` that were seen, if they are finite."""
        counts = (is_seen & jnp.all(jnp.isfinite(rows), axis=-1))[:, None]
        return Region(
            jnp.minimum(self.low, jnp.min(jnp.where(counts, rows, self.low[None]), axis=0)),
            jnp.maximum(self.high, jnp.max(jnp.where(counts, rows, self.high[None]), axis=0)),
        )

    def everywhere(self, place: Place) -> "Region":
        """The box of the boxes of all devices."""
        return Region(place.min(self.low), place.max(self.high))

    def keep(self, rows: jax.Array, safe: jax.Array) -> jax.Array:
        """The rows `(W, D)`, with a safe point `(D,)` instead of those far outside, or not finite.

        A point at the edge would be nearer, but there a density may be as good as nowhere.
        """
        rounding = jnp.finfo(rows.dtype).eps ** 0.5 * jnp.maximum(abs(self.low), abs(self.high))
        margin = _WIDTHS * (self.high - self.low) + rounding
        low, high = (self.low - margin)[None], (self.high + margin)[None]
        is_inside = jnp.all((rows >= low) & (rows <= high), axis=-1)
        return jnp.where(is_inside[:, None], rows, safe[None])
