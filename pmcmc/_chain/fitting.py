"""The surrogate of a run, fitted to the evaluations of its steps."""

import contextlib
import math
from typing import Any

import numpy as np

from pmcmc._chain.segment import Segment
from pmcmc.solvers.setting import Sweeps
from pmcmc.surrogates import Fit, Surrogate, fit_polynomial
from pmcmc.surrogates.degree import enough_for

_MOST_ROWS = 20_000  # most evaluations to fit to; the earliest ones are dropped
_FIRST_FIT, _ROWS_PER_TERM = 500, 4  # evaluations before the first fit, or per quadratic term
_PARTS = 3  # number of segments before a fit
# The next fit is due with 8 times as many evaluations. It comes earlier, but not before twice as
# many, if that is enough for a higher degree (plus a tenth, since a fit drops repeats).
_GROWTH = 8
_LEAST_GROWTH, _SPARE = 2, 1.1


class Fitting:
    """Evaluations of a run, including rejected proposals, and the surrogate fitted to them.

    Each fit may compile, so a new one waits until there are several times as many evaluations, or
    enough for a higher degree.

    Args:
        dim: numbers in a position.
        is_scheduled: whether fits become due by themselves.
    """

    def __init__(self, dim: int, is_scheduled: bool = True) -> None:
        self.is_scheduled = is_scheduled
        self._rows: list[Any] = []
        self._n_rows = 0
        self._n_seen = 0
        self._last_fit = 0
        self._enough = [math.ceil(_SPARE * n) for n in enough_for(dim)]
        self._next_fit = max(_FIRST_FIT, _ROWS_PER_TERM * (dim + 1) * (dim + 2) // 2)
        self._sweeps = self._steps = self._evaluations = 0
        self._seconds: dict[int, float] = {}
        self.fit: Fit | None = None

    @property
    def is_due(self) -> bool:
        """Whether there are enough evaluations for another fit."""
        return self.is_scheduled and self._n_seen >= self._next_fit

    def piece(self, n_steps: int, n_chains: int) -> int:
        """How many of the next `n_steps` of each chain to take at once."""
        if not self.is_scheduled:
            return n_steps
        # In parts: the later ones show how long sweeps take.
        whole = self._next_fit - self._last_fit
        left = max(self._next_fit - self._n_seen, 1)
        return min(n_steps, -(-min(left, -(-whole // _PARTS)) // n_chains))

    def add(self, segment: Segment, seconds: float | None) -> None:
        """Record evaluations of steps, how well they were predicted, and the time they took.

        Args:
            segment: the steps.
            seconds: the time, `None` if it is unknown.
        """
        report = segment.report
        if np.any(report.sweeps):
            self._sweeps += int(np.sum(report.sweeps))
            self._evaluations += int(np.sum(report.evaluations))
            self._steps += segment.positions.shape[0] * segment.positions.shape[1]
            if seconds is not None:
                window = round(float(np.sum(report.evaluations) / np.sum(report.sweeps)))
                of_sweep = seconds / float(np.max(report.sweeps))  # the first includes compilation
                self._seconds[window] = min(of_sweep, self._seconds.get(window, math.inf))
        rows = [np.asarray(x).reshape(-1, *np.shape(x)[2:]) for x in segment.proposals]
        self._rows.append(rows)
        self._n_rows += len(rows[0])
        self._n_seen += len(rows[0])
        while self._n_rows > _MOST_ROWS and len(self._rows) > 1:
            self._n_rows -= len(self._rows.pop(0)[0])

    def sweeps_so_far(self) -> Sweeps | None:
        """Statistics of the sweeps since the last fit."""
        if self.fit is None or not self._sweeps:
            return None
        window = round(self._evaluations / self._sweeps)
        return Sweeps(window, self._steps / self._sweeps, dict(self._seconds))

    def surrogate(self) -> Surrogate | None:
        """The newest fit; `None` before the first."""
        if self.is_due:
            self._last_fit = self._n_seen
            least, most = (factor * self._n_seen for factor in (_LEAST_GROWTH, _GROWTH))
            self._next_fit = min((n for n in self._enough if least <= n), default=most)
            self._next_fit = min(self._next_fit, most)
            with contextlib.suppress(ValueError):  # too few evaluations: continue as before
                self.refit()
        return None if self.fit is None else self.fit.surrogate

    def refit(self) -> Fit:
        """A fit to all evaluations, with a table of the same shape for every fit.

        Raises:
            ValueError: there are too few.
        """
        fit = fit_polynomial(*map(np.concatenate, zip(*self._rows, strict=True)))
        self.fit = fit._replace(surrogate=fit.surrogate.raised())
        self._sweeps = self._steps = self._evaluations = 0
        return self.fit
