"""Where a chain has been, and how far outside of it iterates may be evaluated."""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Region(NamedTuple):
    """The box that holds what a chain has visited.

    Iterates on their way to the solution may be anywhere, also where a log density raises, is not
    finite or takes forever. A loop never goes there, and so do sweeps not: what lies outside of
    the box by more than `reach` times its extent is not evaluated.

    Args:
        low, high: corners, shape `(D,)`.
        reach: number of extents, one or one a coordinate.
    """

    low: jax.Array
    high: jax.Array
    reach: jax.Array

    @classmethod
    def of(cls, states: jax.Array, reach: float | jax.Array) -> "Region":
        """The region of states `(n, D)`."""
        low, high = jnp.min(states, axis=0), jnp.max(states, axis=0)
        return cls(low, high, jnp.asarray(reach, states.dtype))

    def holds(self, states: jax.Array) -> jax.Array:
        """Which of the states `(n, D)` lie in the widened box, which NaN does not."""
        margin = self.reach * (self.high - self.low)
        low, high = (self.low - margin)[None], (self.high + margin)[None]
        return jnp.all((states >= low) & (states <= high), axis=-1)

    def with_states(self, states: jax.Array, counts: jax.Array) -> "Region":
        """The region with those states `(n, D)` that count and are finite."""
        is_known = counts[:, None] & jnp.isfinite(states)
        return self._replace(
            low=jnp.minimum(self.low, jnp.min(jnp.where(is_known, states, jnp.inf), axis=0)),
            high=jnp.maximum(self.high, jnp.max(jnp.where(is_known, states, -jnp.inf), axis=0)),
        )
