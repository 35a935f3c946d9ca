"""Collecting the segments of a run."""

from typing import Any

import jax
import numpy as np

from pmcmc._chain import Segment


class Draws:
    """Keeps every `thin`-th step of the segments it is given, and what solvers report of all."""

    def __init__(self, n_steps: int, thin: int) -> None:
        self._n_steps = n_steps
        self._thin = thin
        self._n_seen = 0
        self._n_kept = 0
        self._kept: tuple[np.ndarray, dict[str, np.ndarray]] | None = None
        self._reports: list[Any] = []
        self._is_finite: np.ndarray | bool = True

    def append(self, segment: Segment) -> None:
        """Take over the next steps of the chain."""
        n_new = segment.positions.shape[1]
        first = (self._thin - 1 - self._n_seen) % self._thin
        rows = jax.tree.map(lambda x: x[:, first :: self._thin], (segment.positions, segment.stats))
        if self._kept is None:
            n_draws = self._n_steps // self._thin
            self._kept = jax.tree.map(
                lambda x: np.empty((x.shape[0], n_draws, *x.shape[2:]), x.dtype), rows
            )
        end = self._n_kept + rows[0].shape[1]
        for out, new in zip(jax.tree.leaves(self._kept), jax.tree.leaves(rows), strict=True):
            out[:, self._n_kept : end] = new
        self._n_kept = end
        self._n_seen += n_new
        self._reports.append(segment.report)
        self._is_finite = self._is_finite & np.isfinite(segment.positions).all(axis=(1, 2))

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

    def evidence(self) -> dict[str, Any]:
        """What the solver's reports of all segments add up to, as fields of `Info`."""
        stacked = jax.tree.map(
            lambda *x: np.stack(x), *(r._replace(trace=None) for r in self._reports)
        )
        scaled_residual = stacked.scaled_residual.max(axis=0)
        return {
            "n_steps": self._n_seen,
            "sweeps": stacked.sweeps.sum(axis=0),
            "work_per_step": stacked.evaluations.sum(axis=0) / self._n_seen,
            "sequential_steps": stacked.sequential_steps.sum(axis=0),
            "residual": stacked.residual.max(axis=0),
            "scaled_residual": scaled_residual,
            "converged": (scaled_residual <= 1) & self._is_finite,
            "trace": [report.trace for report in self._reports],
        }
