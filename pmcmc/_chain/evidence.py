"""The solver's reports, combined over all segments of a run."""

from typing import NamedTuple

import jax
import numpy as np

from pmcmc._chain.segment import Segment
from pmcmc.solvers import Outcome, SweepLog


class Evidence(NamedTuple):
    """Arrays with one entry per chain; `RunInfo` explains the fields."""

    n_steps: int
    sweeps: np.ndarray
    evaluations: np.ndarray
    calls: np.ndarray
    products: np.ndarray
    sequential_steps: np.ndarray
    residual: np.ndarray
    scaled_residual: np.ndarray
    outcome: np.ndarray
    sweep_log: list[SweepLog]

    @classmethod
    def none(cls, n_chains: int) -> "Evidence":
        """The evidence of a run without steps."""
        count, zero = np.zeros(n_chains, int), np.zeros(n_chains)
        return cls(0, count, count, zero, zero, count, zero, zero, count, [])

    def add(self, segment: Segment) -> "Evidence":
        """The evidence including the next segment."""
        report = segment.report
        is_finite = np.isfinite(segment.positions).all(axis=(1, 2))
        return Evidence(
            n_steps=self.n_steps + segment.positions.shape[1],
            sweeps=self.sweeps + report.sweeps,
            evaluations=self.evaluations + report.evaluations,
            calls=self.calls + report.calls,
            products=self.products + report.products,
            sequential_steps=self.sequential_steps + report.sequential_steps,
            residual=np.maximum(self.residual, np.where(is_finite, report.residual, np.inf)),
            scaled_residual=np.maximum(
                self.scaled_residual, np.where(is_finite, report.scaled_residual, np.inf)
            ),
            outcome=np.maximum(self.outcome, Outcome.of(report, is_finite)),
            sweep_log=[*self.sweep_log, jax.tree.map(np.asarray, report.sweep_log)],
        )
