"""The surrogate of a run, fitted to what its steps have evaluated."""

import contextlib
import math
from typing import Any

import numpy as np

from pmcmc._chain.segment import Segment
from pmcmc.solvers.setting import Sweeps
from pmcmc.surrogates import Fit, Surrogate, fit_polynomial
from pmcmc.surrogates.degree import enough_for

_MOST_ROWS = 20_000  # evaluations to fit to; beyond, the later half
_FIRST_FIT, _ROWS_PER_TERM = 500, 4  # evaluations, and those for each term of a quadratic
_PARTS = 3  # segments of the steps before a fit
_GROWTH = 8  # times as many evaluations before the next fit, or enough for another degree if
_LEAST_GROWTH, _SPARE = 2, 1.1  # these are so many times as many, repeats that will be dropped too


class Fitting:
    """Evaluations of a run, rejected proposals included, and the surrogate fitted to them.

    It is fitted anew whenever there are several times as many evaluations, or enough for a higher
    degree: each fit may compile.

    Args:
        dim: numbers in a position.
        is_scheduled: whether fits are due by themselves.
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
        """How many of `n_steps` of each chain to take at once."""
        if not self.is_scheduled:
            return n_steps
        # In parts, of which the later ones tell how long sweeps take.
        whole = self._next_fit - self._last_fit
        left = max(self._next_fit - self._n_seen, 1)
        return min(n_steps, -(-min(left, -(-whole // _PARTS)) // n_chains))

    def add(self, segment: Segment, seconds: float) -> None:
        """Take note of what steps have evaluated, of how well they were predicted, and when."""
        report = segment.report
        if np.any(report.sweeps):
            self._sweeps += int(np.sum(report.sweeps))
            self._evaluations += int(np.sum(report.evaluations))
            self._steps += segment.positions.shape[0] * segment.positions.shape[1]
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
        """What sweeps have shown since the last fit."""
        if self.fit is None or not self._sweeps:
            return None
        window = round(self._evaluations / self._sweeps)
        return Sweeps(window, self._steps / self._sweeps, dict(self._seconds))

    def surrogate(self) -> Surrogate | None:
        """The newest fit, `None` before the first one that can be made."""
        if self.is_due:
            self._last_fit = self._n_seen
            least, most = (factor * self._n_seen for factor in (_LEAST_GROWTH, _GROWTH))
            self._next_fit = min((n for n in self._enough if least <= n), default=most)
            self._next_fit = min(self._next_fit, most)
            with contextlib.suppress(ValueError):  # too few evaluations: go on as before
                self.refit()
        return None if self.fit is None else self.fit.surrogate

    def refit(self) -> Fit:
        """A fit to all evaluations, with a table of the shape that every fit has.

        Raises:
            ValueError: there are too few.
        """
        fit = fit_polynomial(*map(np.concatenate, zip(*self._rows, strict=True)))
        self.fit = fit._replace(surrogate=fit.surrogate.raised())
        self._sweeps = self._steps = self._evaluations = 0
        return self.fit
