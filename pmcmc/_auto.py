"""Running a chain by what is fastest for it: the loop first, then what a plan says."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax

from pmcmc._chain import Runner, Segment
from pmcmc._pilot import Change, Measurements, Plan, decided, ladder, measure
from pmcmc._task import Task
from pmcmc.kernels import Kernel
from pmcmc.solvers import Auto, Sequential, Solver

MEASURED_STEPS = 128  # before the speed of the loop is known well enough
PILOT_SHARE = 0.05  # of the time that the loop would take for the rest


class AutoRunner:
    """Advances a batch of chains as `Runner` does; the solver changes on the way.

    Args:
        task: what is sampled.
        n_steps: of the whole run, warm-up included.
        n_settling: steps after which the parameters of the kernel are about right.
        clock: seconds.
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
        self._runner = task.runner(Sequential(), task.kernel, n_steps)
        self._plan: Plan | None = None
        self._rungs: list[tuple[Solver, str]] = []
        self._n_done = 0
        self._loop_seconds_per_step = math.inf
        self._compile_seconds = 0.0
        self.logdensity = task.problem.logdensity

    @property
    def solver(self) -> Solver:
        """The solver at present."""
        return self._runner.solver

    @property
    def plan(self) -> Plan:
        """What was decided, and why."""
        if self._plan is not None:
            return self._plan
        return decided(Measurements(self._loop_seconds_per_step, {}))

    def tolerances(self, dtype: Any) -> tuple[Any, Any]:
        """`(atol, rtol)` of the residuals of all steps: those of the first solver of sweeps."""
        return (self._runner.solver if self._plan is None else self._plan.solver).tolerances(dtype)

    def compile(self, kernel: Kernel, positions: jax.Array, rng_key: jax.Array) -> None:
        """Have the loop compiled."""
        started = self._clock()
        self._runner.compile(kernel, positions, rng_key)
        self._compile_seconds = self._clock() - started

    def adapted_to(self, kernel: Kernel) -> "AutoRunner":
        """Itself, with the basis for the metric of this kernel."""
        self._runner = self._runner.adapted_to(kernel)
        return self

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
            if self._plan is None and self._n_done >= self._n_settling:
                self._decide(kernel, positions, rng_key, first_step)
            most = self._runner.length
            if self._plan is None:
                most = min(most, max(MEASURED_STEPS, self._n_settling - self._n_done))
            size = min(most, end - first_step)
            started = self._clock()
            segment = self._runner.advance(kernel, positions, rng_key, first_step, size)
            if self._plan is None:  # the cost of a call weighs least in the longest ones
                seconds = (self._clock() - started) / size
                self._loop_seconds_per_step = min(self._loop_seconds_per_step, seconds)
            self._n_done += size
            first_step += size
            positions = segment.last
            yield segment
            self._climb(segment, kernel, positions, rng_key, first_step)

    def _decide(
        self, kernel: Kernel, positions: jax.Array, rng_key: jax.Array, first_step: int
    ) -> None:
        loop = self._loop_seconds_per_step
        budget = PILOT_SHARE * (self._n_steps - self._n_done) * loop
        self._plan = measure(
            self._task, kernel, positions, rng_key, first_step, loop, budget, self._clock
        )
        self._rungs = ladder(self._plan.solver)
        if self._plan.is_parallel_in_time:
            self._take(self._plan.solver, kernel, positions, rng_key)

    def _climb(
        self,
        segment: Segment,
        kernel: Kernel,
        positions: jax.Array,
        rng_key: jax.Array,
        next_step: int,
    ) -> None:
        """Go on with the next rung of the ladder where sweeps stalled."""
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
        change = Change(next_step, solver, cause)
        self._plan = self._plan._replace(changes=(*self._plan.changes, change))
        self._take(solver, kernel, positions, rng_key)

    @property
    def _most_sweeps(self) -> float:
        """Sweeps a step, above which the loop would be faster."""
        assert self._plan is not None
        seen = self._plan.measurements
        return seen.loop_seconds_per_step / seen.best.seconds_per_sweep

    def _take(
        self, solver: Solver, kernel: Kernel, positions: jax.Array, rng_key: jax.Array
    ) -> None:
        self._runner = self._task.runner(solver, kernel, self._n_steps)
        self._runner.compile(kernel, positions, rng_key)


def make_runner(
    task: Task, solver: Solver | Auto, n_steps: int, n_warmup: int
) -> Runner | AutoRunner:
    """The runner of a solver, for steps after a warm-up."""
    if isinstance(solver, Solver):
        return task.runner(solver, task.kernel, n_steps)
    return AutoRunner(task, n_warmup + n_steps, n_warmup // 2)
