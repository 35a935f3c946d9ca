"""Collecting the draws of a run."""

import jax
import numpy as np

from pmcmc._chain.segment import Segment


class Draws:
    """Keeps every `thin`-th step of the segments it is given.

    Args:
        n_steps: of the whole run.
        thin: steps for one draw.
    """

    def __init__(self, n_steps: int, thin: int) -> None:
        self._n_draws = n_steps // thin
        self._thin = thin
        self._n_seen = 0
        self._n_kept = 0
        self._kept: tuple[np.ndarray, dict[str, np.ndarray]] | None = None

    def append(self, segment: Segment) -> None:
        """Take over the next steps of the chain."""
        first = (self._thin - 1 - self._n_seen) % self._thin
        rows = jax.tree.map(lambda x: x[:, first :: self._thin], (segment.positions, segment.stats))
        if self._kept is None:
            self._kept = jax.tree.map(
                lambda x: np.empty((x.shape[0], self._n_draws, *x.shape[2:]), x.dtype), rows
            )
        end = self._n_kept + rows[0].shape[1]
        for out, new in zip(jax.tree.leaves(self._kept), jax.tree.leaves(rows), strict=True):
            out[:, self._n_kept : end] = new
        self._n_kept = end
        self._n_seen += segment.positions.shape[1]

    @property
    def positions(self) -> np.ndarray:
        """Shape `(chain, draw, D)`."""
        assert self._kept is not None
        return self._kept[0]

    @property
    def stats(self) -> dict[str, np.ndarray]:
        """Arrays `(chain, draw)` by name."""
        assert self._kept is not None
        return self._kept[1]
