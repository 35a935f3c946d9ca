"""Running a chain by the fastest solver: first the loop, then the choice of a plan."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from pmcmc._chain.layouts import Layouts
from pmcmc._chain.segment import Segment
from pmcmc._planning.choice import Change, Measurements, Plan, decided, ladder
from pmcmc._planning.pilot import measure
from pmcmc._planning.task import Task
from pmcmc._planning.trial import runner_of
from pmcmc._util.checks import first_line
from pmcmc.kernels import Kernel
from pmcmc.solvers import Sequential, Solver

MEASURED_STEPS = 128  # after these, the speed of the loop is known well enough
PILOT_SHARE = 0.05  # of the time that the loop would take for the rest of the run


class AutoRunner:
    """Advances a batch of chains as `Runner` does, but may switch to another solver on the way.

    Exceptions in the loop propagate. If anything else fails, the loop takes over from where the
    chains were.

    Args:
        task: what is sampled.
        n_steps: number of steps of the whole run, including warm-up.
        n_settling: number of steps after which the parameters of the kernel are about right.
        clock: returns seconds.
    """

    def __init__(
        self,
        task: Task,
        n_steps: int,
        n_settling: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._task = task
        self._n_steps = n_steps
        self._n_settling = max(n_settling, MEASURED_STEPS)
        self._clock = clock
        self._loop = task.runner(Sequential(), task.kernel, n_steps)
        self._runner = self._loop
        self._plan: Plan | None = None
        self._rungs: list[tuple[Solver, str]] = []
        self._n_done = 0
        self._next_step = 0
        self._loop_seconds_per_step = math.inf
        self.logdensity = task.problem.logdensity

    @property
    def solver(self) -> Solver:
        """The current solver."""
        return self._runner.solver

    @property
    def layouts(self) -> Layouts:
        """The current layouts of the chains."""
        return self._runner.layouts

    @property
    def plan(self) -> Plan:
        """What was decided, and why."""
        if self._plan is not None:
            return self._plan
        return decided(Measurements(self._loop_seconds_per_step, {}))

    def tolerances(self, dtype: Any) -> tuple[Any, Any]:
        """`(atol, rtol)` of the residuals of all steps: those of the planned solver."""
        return (self._runner.solver if self._plan is None else self._plan.solver).tolerances(dtype)

    def compile(self, kernel: Kernel, positions: jax.Array, rng_key: jax.Array) -> None:
        """Compile the loop."""
        self._loop.compile(kernel, positions, rng_key)

    def adapt_to(self, kernel: Kernel) -> None:
        """Prepare the solver for the kernel's metric."""
        try:
            self._runner.adapt_to(kernel)
        except Exception as error:
            self._return_to_loop(self._next_step, first_line(error))

    def probe(
        self, kernel: Kernel, positions: jax.Array, rng_key: jax.Array, n_steps: int
    ) -> Segment:
        """Take trial steps by the loop, which are not part of the chain; see `Runner.probe`."""
        return self._loop.probe(kernel, positions, rng_key, n_steps)

    def run(
        self,
        kernel: Kernel,
        positions: jax.Array,
        rng_key: jax.Array,
        first_step: int,
        n_steps: int,
    ) -> Iterator[Segment]:
        """Take steps; see `Runner.run`."""
        end = first_step + n_steps
        while first_step < end:
            is_known = self._n_done >= self._n_settling and self._loop.layouts.is_settled
            if self._plan is None and is_known:
                self._decide(kernel, positions, rng_key, first_step)
            size = self._runner.piece(end - first_step)
            if self._plan is None and self._loop.layouts.is_settled:
                size = min(size, max(MEASURED_STEPS, self._n_settling - self._n_done))
            segment = self._advance(kernel, positions, rng_key, first_step, size)
            size = segment.positions.shape[1]
            self._n_done += size
            first_step += size
            self._next_step = first_step
            positions = segment.last
            yield segment
            self._climb(segment, kernel, positions, rng_key, first_step)

    def _advance(
        self,
        kernel: Kernel,
        positions: jax.Array,
        rng_key: jax.Array,
        first_step: int,
        n_steps: int,
    ) -> Segment:
        """Take at most `n_steps`, by the loop if sweeps fail."""
        if self._runner is not self._loop:
            try:
                segment = self._runner.advance(kernel, positions, rng_key, first_step, n_steps)
                if np.isfinite(segment.positions).all():
                    return segment
                cause = "states that are not finite"
            except Exception as error:
                cause = first_line(error)
            self._return_to_loop(first_step, cause)
            n_steps = min(n_steps, self._loop.length)
        started = self._clock()
        segment = self._loop.advance(kernel, positions, rng_key, first_step, n_steps)
        if self._plan is None:  # the minimum, since the cost of a call weighs most in short ones
            seconds = (self._clock() - started) / n_steps
            self._loop_seconds_per_step = min(self._loop_seconds_per_step, seconds)
        return segment

    def _decide(
        self, kernel: Kernel, positions: jax.Array, rng_key: jax.Array, first_step: int
    ) -> None:
        self._task = self._task._replace(layout=self._loop.layouts.current)
        loop = self._loop_seconds_per_step
        budget = PILOT_SHARE * (self._n_steps - self._n_done) * loop
        self._plan = measure(
            self._task, kernel, positions, rng_key, first_step, loop, budget, self._clock
        )
        self._rungs = ladder(self._plan.solver)
        if self._plan.is_parallel_in_time:
            self._take(self._plan.solver, kernel, positions, rng_key, first_step)

    def _climb(
        self,
        segment: Segment,
        kernel: Kernel,
        positions: jax.Array,
        rng_key: jax.Array,
        next_step: int,
    ) -> None:
        """Switch to the next rung of the ladder if sweeps stalled."""
        if not self._rungs or self._plan is None:
            return
        size = segment.positions.shape[1]
        sweeps = int(segment.report.sweeps.max()) / size
        one_at_a_time = int(segment.report.sequential_steps.max())
        if sweeps <= self._most_sweeps and not one_at_a_time:
            return
        (solver, name), *self._rungs = self._rungs
        cause = f"{name}, after {sweeps:.2g} sweeps a step"
        cause += f" and {one_at_a_time:,} steps one at a time" if one_at_a_time else ""
        self._record(Change(next_step, solver, cause))
        self._take(solver, kernel, positions, rng_key, next_step)

    @property
    def _most_sweeps(self) -> float:
        """Number of sweeps per step above which the loop would be faster."""
        assert self._plan is not None
        seen = self._plan.measurements
        return seen.loop_seconds_per_step / seen.best.seconds_per_sweep

    def _take(
        self,
        solver: Solver,
        kernel: Kernel,
        positions: jax.Array,
        rng_key: jax.Array,
        next_step: int,
    ) -> None:
        if not solver.is_parallel_in_time:
            self._runner = self._loop
            return
        try:
            self._runner, _ = runner_of(self._task.at(positions), solver, kernel, self._n_steps)
            self._runner.compile(kernel, positions, rng_key)
        except Exception as error:
            self._return_to_loop(next_step, first_line(error))

    def _return_to_loop(self, next_step: int, cause: str) -> None:
        self._record(Change(next_step, self._loop.solver, f"the loop, as sweeps failed ({cause})"))
        self._runner, self._rungs = self._loop, []

    def _record(self, change: Change) -> None:
        assert self._plan is not None
        self._plan = self._plan._replace(changes=(*self._plan.changes, change))
