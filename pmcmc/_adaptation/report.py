"""The record of a warm-up."""

import math
from typing import NamedTuple

import numpy as np

from pmcmc._chain.evidence import Evidence
from pmcmc.kernels import Kernel
from pmcmc.solvers import Outcome


class Note(NamedTuple):
    """What a criterion did at the end of a phase.

    Args:
        tunes: what it changes, a field of the kernel or `"position"`.
        window: number of the last window before.
        is_changed: whether the kernel changed.
        words: what was done.
        figures: the numbers behind it, by name.
    """

    tunes: str
    window: int
    is_changed: bool
    words: str
    figures: dict[str, float]


class WarmupReport(NamedTuple):
    """Record of a warm-up; arrays have one entry per window, or one per chain.

    Args:
        n_steps: length of each window.
        step_size: step size used in each window, NaN if there is none.
        acceptance_rate: mean over the steps of each window, pooled over chains.
        metric_updates: windows after which the metric changed.
        sweeps: parallel sweeps taken, per chain.
        sequential_steps: steps taken one at a time, per chain.
        outcome: how the solver ended, per chain, integers of `pmcmc.solvers.Outcome`.
        notes: what criteria did at the ends of phases. A note has `tunes`, a field of the kernel or
            `"position"`; `window`, the number of the last window before; `is_changed`, whether the
            kernel changed; `words`; and `figures` by name.
    """

    n_steps: np.ndarray
    step_size: np.ndarray
    acceptance_rate: np.ndarray
    metric_updates: np.ndarray
    sweeps: np.ndarray
    sequential_steps: np.ndarray
    outcome: np.ndarray
    notes: tuple[Note, ...] = ()

    @property
    def converged(self) -> np.ndarray:
        """Whether every step is finite and within tolerance, per chain."""
        return self.outcome <= Outcome.FINISHED_WITH_SEQUENTIAL_STEPS

    def followed_by(self, other: "WarmupReport") -> "WarmupReport":
        """The record of this warm-up and of another that continued it."""
        n_windows = len(self.n_steps)
        of_windows = ("n_steps", "step_size", "acceptance_rate", "metric_updates")
        joined = {
            name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in of_windows
        }
        later = tuple(note._replace(window=note.window + n_windows) for note in other.notes)
        return WarmupReport(
            **joined,
            sweeps=self.sweeps + other.sweeps,
            sequential_steps=self.sequential_steps + other.sequential_steps,
            outcome=np.maximum(self.outcome, other.outcome),
            notes=(*self.notes, *later),
        )


class Record:
    """Collects a report during a warm-up."""

    def __init__(self) -> None:
        self._windows: list[tuple[int, float, float]] = []
        self._notes: list[Note] = []

    def add_window(self, n_steps: int, kernel: Kernel, acceptance_rate: float) -> None:
        """Record a window and the kernel that ran it."""
        step_size = kernel.tunable("step_size")
        used = math.nan if step_size is None else float(step_size)
        self._windows.append((n_steps, used, acceptance_rate))

    def add_note(self, tunes: str, is_changed: bool, words: str, figures: dict[str, float]) -> None:
        """Record what a criterion did after the last window."""
        self._notes.append(Note(tunes, len(self._windows) - 1, is_changed, words, figures))

    def report(self, evidence: Evidence) -> WarmupReport:
        """The report of all windows."""
        n_steps, step_sizes, rates = map(np.array, zip(*self._windows, strict=True))
        of_metric = [note for note in self._notes if note.tunes == "inverse_mass_matrix"]
        updates = [note.window for note in of_metric if note.is_changed]
        return WarmupReport(
            n_steps=n_steps,
            step_size=step_sizes,
            acceptance_rate=rates,
            metric_updates=np.isin(np.arange(len(n_steps)), updates),
            sweeps=evidence.sweeps,
            sequential_steps=evidence.sequential_steps,
            outcome=evidence.outcome,
            notes=tuple(self._notes),
        )
