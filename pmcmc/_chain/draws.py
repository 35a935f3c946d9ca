"""Collecting the draws of a run."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from pmcmc._chain.segment import Segment

# Kept parts of positions, leaves `(chain, n, *event)`, and statistics `(chain, n)` by name.
DrawnRows = tuple[Any, dict[str, np.ndarray]]


class Thinning:
    """Takes every `thin`-th step of the segments it is given.

    Args:
        thin: number of steps per draw.
        keep: maps flat positions `(chain, n, D)` to what is kept of them.
        n_seen: number of steps taken before.
    """

    def __init__(self, thin: int, keep: Callable[[np.ndarray], Any], n_seen: int = 0) -> None:
        self._thin, self._keep, self._n_seen = thin, keep, n_seen

    def take(self, segment: Segment) -> DrawnRows:
        """The draws among the next steps of the chain."""
        first = (self._thin - 1 - self._n_seen) % self._thin
        rows = jax.tree.map(lambda x: x[:, first :: self._thin], (segment.positions, segment.stats))
        self._n_seen += segment.positions.shape[1]
        return self._keep(rows[0]), rows[1]


class Draws:
    """Keeps draws in memory.

    Args:
        n_draws: number of draws of the whole run.
    """

    def __init__(self, n_draws: int) -> None:
        self._n_draws = n_draws
        self._n_kept = 0
        self._kept: DrawnRows | None = None

    def append(self, rows: DrawnRows) -> None:
        """Add the next draws."""
        if self._kept is None:
            self._kept = jax.tree.map(
                lambda x: np.empty((x.shape[0], self._n_draws, *x.shape[2:]), x.dtype), rows
            )
        first = self._n_kept
        for out, new in zip(jax.tree.leaves(self._kept), jax.tree.leaves(rows), strict=True):
            self._n_kept = first + new.shape[1]
            out[:, first : self._n_kept] = new

    @property
    def rows(self) -> DrawnRows:
        """All of them."""
        assert self._kept is not None
        return self._kept
