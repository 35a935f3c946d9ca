"""Trying a solver on the next steps of a chain, within a budget of time."""

import time
import warnings
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from pmcmc._chain.runner import Runner
from pmcmc._chain.segment import Segment
from pmcmc._planning.choice import Candidate, Dropped
from pmcmc._planning.task import Task
from pmcmc._util.checks import first_line
from pmcmc.kernels import Kernel
from pmcmc.solvers import ParallelNewton, Sequential, Solver, Speculative

_WINDOWS = 2  # length of the last piece of a trial, in windows
_COMPARED_PIECE = 8  # number of steps of the piece after which the loop is compared
_ROUNDING = 1e-3  # relative; in float32, residuals of 1e-5 grow a little along the chain
_SLOW = 100.0  # no sweeps that may win take this many times as long as the loop for a window


class Budget:
    """The time that a pilot may take, from now on.

    Args:
        seconds: the most that it may take.
        clock: returns seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._seconds = seconds
        self._started = clock()
        self.clock = clock

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self.clock() - self._started

    def affords(self, seconds: float) -> bool:
        """Whether this many more seconds would fit."""
        return self.spent + seconds < self._seconds


class Place(NamedTuple):
    """The current state of the chains, and how they continue.

    Args:
        task: what is sampled, starting at the current positions.
        kernel: for flat positions, with the parameters of the run.
        rng_key: of the noise.
        first_step: number of the next step.
    """

    task: Task
    kernel: Kernel
    rng_key: jax.Array
    first_step: int

    @property
    def positions(self) -> jax.Array:
        """Current positions of the chains, shape `(chain, D)`."""
        return self.task.problem.positions

    def advance(self, runner: Runner, positions: jax.Array, n_done: int, n_steps: int) -> Segment:
        """Take steps from `positions`, which the chains reached after `n_done` steps."""
        return runner.advance(
            self.kernel, positions, self.rng_key, self.first_step + n_done, n_steps
        )


def runner_of(task: Task, solver: Solver, kernel: Kernel, n_steps: int) -> tuple[Runner, str]:
    """The runner of a solver that the user did not ask for, and what it has to do without."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runner = task.runner(solver, kernel, n_steps)
    return runner, "; ".join(str(warning.message) for warning in caught)


def tried(
    place: Place,
    name: str,
    solver: ParallelNewton | Speculative,
    loop_seconds_per_step: float,
    budget: Budget,
) -> Candidate | Dropped:
    """Measurements of a solver on the next steps, or why it was given up."""
    name = f"{name}, window {solver.window}"
    try:
        return _in_pieces(place, name, solver, loop_seconds_per_step, budget)
    except Exception as error:
        return Dropped(name, first_line(error))


def _in_pieces(
    place: Place,
    name: str,
    solver: ParallelNewton | Speculative,
    loop: float,
    budget: Budget,
) -> Candidate | Dropped:
    """Try in pieces that double in length, since nothing stops a running program."""
    assert isinstance(solver.window, int)
    most = _WINDOWS * solver.window
    runner, remark = runner_of(place.task, solver, place.kernel, most)
    runner.compile(place.kernel, place.positions, place.rng_key)
    pieces: list[Segment] = []
    positions, n_done, size = place.positions, 0, 1
    while True:
        started = budget.clock()
        segment = place.advance(runner, positions, n_done, size)
        seconds = budget.clock() - started
        pieces.append(segment)
        if not np.isfinite(segment.positions).all():
            return Dropped(name, "states that are not finite")
        if size == _COMPARED_PIECE and not _is_chain(place, pieces):
            return Dropped(name, "the first steps are not those of the loop")
        took = f"{seconds:.2g} s for {size} steps"
        if seconds > _SLOW * loop * max(size, solver.window):
            return Dropped(name, took)
        if size == most:
            return _measured(name, solver, segment, seconds, remark)
        if not budget.affords(2 * seconds):
            took += f", {budget.spent:.2g} s in all"
            return Dropped(name, f"more would exceed the pilot's share of the run ({took})")
        positions, n_done, size = segment.last, n_done + size, min(2 * size, most)


def _is_chain(place: Place, pieces: list[Segment]) -> bool:
    """Whether these are the next steps of the loop, up to rounding.

    A log density may return other values in a batch. Residuals cannot show this, since they come
    from the same batch.
    """
    states = np.concatenate([piece.positions for piece in pieces], axis=1)
    n_steps = states.shape[1]
    runner = place.task.runner(Sequential(), place.kernel, n_steps)
    loop = place.advance(runner, place.positions, 0, n_steps)
    for name, values in loop.stats.items():  # decisions and divergences
        rows = np.concatenate([piece.stats[name] for piece in pieces], axis=1)
        if values.dtype == bool and (rows != values).any():
            return False
    moves = np.abs(loop.positions - np.asarray(place.positions)[:, None]).max(axis=1, keepdims=True)
    allowed = _ROUNDING * (moves + np.abs(loop.positions))
    return bool((np.abs(states - loop.positions) <= allowed).all())


def _measured(
    name: str,
    solver: ParallelNewton | Speculative,
    segment: Segment,
    seconds: float,
    remark: str,
) -> Candidate:
    n_steps = segment.positions.shape[1]
    sweeps = max(int(segment.report.sweeps.max()), 1)
    return Candidate(
        name=name,
        solver=solver,
        seconds_per_step=seconds / n_steps,
        seconds_per_sweep=seconds / sweeps,
        sweeps_per_step=sweeps / n_steps,
        work_per_step=float(segment.report.evaluations.mean()) / n_steps,
        remark=remark,
    )
