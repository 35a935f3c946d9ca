"""Trying a solver on the next steps of a chain, as long as the clock allows."""

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

_WINDOWS = 2  # of steps, that a candidate takes at last
_COMPARED_PIECE = 8  # after which a candidate is compared with the loop
_ROUNDING = 1e-3  # relative; in float32 residuals of 1e-5 grow a little on the way
_SLOW = 100.0  # times the loop's seconds for a window: no sweeps that may win take so many


class Budget:
    """Seconds that a pilot may take, which begin now.

    Args:
        seconds: their number.
        clock: seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._seconds = seconds
        self._started = clock()
        self.clock = clock

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return self.clock() - self._started

    def affords(self, seconds: float) -> bool:
        """Whether so many more would fit."""
        return self.spent + seconds < self._seconds


class Place(NamedTuple):
    """Where chains are, and how they go on.

    Args:
        task: what is sampled, from where the chains are.
        kernel: flat, with the parameters to run with.
        rng_key: of the noise.
        first_step: the next step.
    """

    task: Task
    kernel: Kernel
    rng_key: jax.Array
    first_step: int

    @property
    def positions(self) -> jax.Array:
        """Of the chains, shape `(chain, D)`."""
        return self.task.problem.positions

    def advance(self, runner: Runner, positions: jax.Array, n_done: int, n_steps: int) -> Segment:
        """Take steps from `positions`, after `n_done` others."""
        return runner.advance(
            self.kernel, positions, self.rng_key, self.first_step + n_done, n_steps
        )


def runner_of(task: Task, solver: Solver, kernel: Kernel, n_steps: int) -> tuple[Runner, str]:
    """The runner of a solver that the user did not ask for, and what it has to go without."""
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
    """How a solver with a window of its own takes the next steps, or why it was given up."""
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
    """In pieces that double, as no clock stops a program that runs."""
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
    """Whether these are the next steps of the loop, as far as rounding allows.

    A log density that is another function in a batch would go unnoticed: residuals come from the
    same batch.
    """
    states = np.concatenate([piece.positions for piece in pieces], axis=1)
    n_steps = states.shape[1]
    runner = place.task.runner(Sequential(), place.kernel, n_steps)
    loop = place.advance(runner, place.positions, 0, n_steps)
    for name, values in loop.stats.items():  # decisions, and where a proposal was not finite
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
