"""Choosing the solver for a chain from measurements."""

import math
from typing import NamedTuple

from pmcmc._chain.chain_method import ChainMethod
from pmcmc.solvers import ParallelNewton, Sequential, Solver, Speculative

_LEAST_WORK = 2.5  # evaluations of the transition per step: no kernel and target here needed fewer
_LEAST_WORK_OF_SPECULATION = 1.2  # the same for speculation with good predictions
_PREDICTION_SECONDS = 2e-6  # per step and chain; twice the time on a fast core
_CHAOTIC = 0.01  # exponent per step; random walks, which couple by decisions only, have 0
_GAIN = 0.9  # a candidate has to take less than this share of the loop's time


class Candidate(NamedTuple):
    """A solver that runs the chain in parallel in time, with measurements of the pilot.

    Args:
        name: structure and window.
        solver: as a user would write it.
        seconds_per_step: for all chains together.
        seconds_per_sweep: for all chains together.
        sweeps_per_step: for the slowest chain.
        work_per_step: evaluations of the transition per step, mean over chains.
        remark: what the solver had to do without; empty if nothing.
    """

    name: str
    solver: ParallelNewton | Speculative
    seconds_per_step: float
    seconds_per_sweep: float
    sweeps_per_step: float
    work_per_step: float
    remark: str = ""


class Dropped(NamedTuple):
    """A candidate that was given up.

    Args:
        name: structure and window.
        cause: why, in one line.
    """

    name: str
    cause: str


class Change(NamedTuple):
    """A switch to another solver.

    Args:
        step: first step of the new solver, counted from the start of warm-up or draws.
        solver: the new solver.
        cause: why.
    """

    step: int
    solver: Solver
    cause: str


class Measurements(NamedTuple):
    """The measurements behind a decision. Seconds are for all chains together.

    Args:
        loop_seconds_per_step: for a step of the loop.
        batch_seconds_per_step: for a step in a batch, by the number of steps evaluated at once;
            empty if there was no pilot.
        lyapunov_exponent: per step (see `pmcmc.diagnostics`), NaN if it was not needed.
        candidates: solvers that were tried.
        is_differentiable: whether JAX can differentiate a step in forward mode, as sweeps do.
        dropped: solvers that were given up during their trial.
        failure: what ended the pilot early; empty if nothing did.
    """

    loop_seconds_per_step: float
    batch_seconds_per_step: dict[int, float]
    lyapunov_exponent: float = math.nan
    candidates: tuple[Candidate, ...] = ()
    is_differentiable: bool = True
    dropped: tuple[Dropped, ...] = ()
    failure: str = ""

    @property
    def windows_that_may_win(self) -> list[int]:
        """Windows in which sweeps with the least possible work would beat the loop."""
        loop = self.loop_seconds_per_step
        return [
            window
            for window, seconds in self.batch_seconds_per_step.items()
            if _LEAST_WORK * seconds < loop
        ]

    def speculation_may_win(self, window: int, n_chains: int, share: float) -> bool:
        """Whether predictions and a batch are cheap enough to beat the loop.

        Args:
            window: number of steps in the batch.
            n_chains: number of chains.
            share: share of the time of a step in a batch spent on evaluating the proposal.
        """
        if window not in self.batch_seconds_per_step:
            return False
        evaluation = share * self.batch_seconds_per_step[window]
        seconds = _LEAST_WORK_OF_SPECULATION * evaluation + n_chains * _PREDICTION_SECONDS
        return seconds < _GAIN * self.loop_seconds_per_step

    @property
    def is_chaotic(self) -> bool:
        """Whether the chain does not forget its past, as far as was measured."""
        return self.lyapunov_exponent > _CHAOTIC

    @property
    def best(self) -> Candidate:
        """The fastest of the candidates."""
        return min(self.candidates, key=lambda candidate: candidate.seconds_per_step)


class Plan(NamedTuple):
    """What `solver="auto"` chose, and why.

    Args:
        solver: the choice, as a user would write it.
        reason: why, in words.
        measurements: the figures behind the choice.
        pilot_seconds: total time of the pilot, including compilation.
        changes: later switches to other solvers.
        chain_method: layout of the loop's chains, if `pmcmc.plan` made the plan.
    """

    solver: Solver
    reason: str
    measurements: Measurements
    pilot_seconds: float
    changes: tuple[Change, ...] = ()
    chain_method: ChainMethod | None = None

    @property
    def is_parallel_in_time(self) -> bool:
        """Whether the chosen solver runs in parallel in time."""
        return self.solver.is_parallel_in_time

    @property
    def headline(self) -> str:
        """The decision, and later switches to other solvers."""
        return "; then ".join([self.reason, *(change.cause for change in self.changes)])

    def __str__(self) -> str:
        seen = self.measurements
        lines = [self.reason, f"  loop: {_microseconds(seen.loop_seconds_per_step)} a step"]
        if self.chain_method is not None:
            lines.append(f"  chains: {self.chain_method}")
        lines += [
            f"  {size} steps at once: {_microseconds(seconds)} a step"
            for size, seconds in seen.batch_seconds_per_step.items()
        ]
        if not math.isnan(seen.lyapunov_exponent):
            lines.append(f"  Lyapunov exponent: {seen.lyapunov_exponent:.2g} a step")
        lines += [
            f"  {c.name}: {_microseconds(c.seconds_per_step)} a step, {c.work_per_step:.1f} work "
            f"per step, {_microseconds(c.seconds_per_sweep)} a sweep"
            + (f" ({c.remark})" if c.remark else "")
            for c in seen.candidates
        ]
        lines += [f"  {dropped.name}: given up, {dropped.cause}" for dropped in seen.dropped]
        lines += [f"  from step {c.step:,} on: {c.cause}" for c in self.changes]
        lines.append(f"  pilot: {self.pilot_seconds:.2g} s")
        return "\n".join(lines)


def decided(measurements: Measurements, pilot_seconds: float = 0.0) -> Plan:
    """The plan that follows from these measurements."""
    return Plan(*choose(measurements), measurements, pilot_seconds)


def choose(measurements: Measurements) -> tuple[Solver, str]:
    """The solver for these measurements, and why.

    If a measurement is missing because the run is too short for it, the choice is the loop.
    """
    loop, batch = measurements.loop_seconds_per_step, measurements.batch_seconds_per_step
    too_short = "the loop: the rest of the run is too short for "
    if measurements.failure:
        return Sequential(), f"the loop: the pilot failed ({measurements.failure})"
    if not batch:
        return Sequential(), too_short + "a pilot"
    if measurements.candidates and measurements.best.seconds_per_step < _GAIN * loop:
        best = measurements.best
        gain = loop / best.seconds_per_step
        return best.solver, f"{best.name}: {gain:.2g} times as fast as the loop"
    if not measurements.windows_that_may_win:
        gain = loop / min(batch.values())
        words = f"{gain:.2g} times less" if gain >= 1 else f"{1 / gain:.2g} times more"
        return Sequential(), (
            f"the loop: a step costs {words} when many are evaluated at once, and sweeps evaluate "
            f"each at least {_LEAST_WORK} times"
        )
    if not measurements.is_differentiable:
        return Sequential(), "the loop: JAX cannot differentiate a step, as sweeps do"
    if measurements.is_chaotic:
        return Sequential(), (
            "the loop: the chain does not forget its past (Lyapunov exponent "
            f"{measurements.lyapunov_exponent:.2g}), so that sweeps finish few steps each"
        )
    if not measurements.candidates and measurements.dropped:
        causes = "; ".join(f"{name}: {cause}" for name, cause in measurements.dropped)
        return Sequential(), f"the loop: sweeps were given up while they were tried ({causes})"
    if not measurements.candidates:
        return Sequential(), too_short + "trying sweeps"
    best = measurements.best
    times = best.seconds_per_step / loop
    pace = f"take {times:.2g} times as long"
    if times < 1:
        pace = f"are only {1 / times:.2g} times as fast"
    return Sequential(), f"the loop: the best sweeps ({best.name}) {pace}"


def ladder(solver: Solver) -> list[tuple[Solver, str]]:
    """The solvers that take over, one after another, if sweeps stall."""
    if not solver.is_parallel_in_time:
        return []
    return [*solver.calmer(), (Sequential(), "the loop")]


def _microseconds(seconds: float) -> str:
    return f"{1e6 * seconds:.3g} us"
