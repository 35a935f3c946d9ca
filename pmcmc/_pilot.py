"""The pilot: measuring on the chain at hand what a solver takes for it."""

import functools
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._chain import Runner, as_recursion, check_linearizable, draw_noise
from pmcmc._choice import Candidate, Dropped, Measurements, Plan, decided
from pmcmc._contraction import grow
from pmcmc._problem import first_line, with_dtype
from pmcmc._task import Task
from pmcmc.kernels import Kernel
from pmcmc.solvers import Clip, Dense, Diagonal, ParallelNewton, ScaledIdentity, Solver

_WINDOWS = (64, 512)
_MOST_DENSE_DIM = 32
_PILOT_WINDOWS = 2  # the windows of steps that each candidate takes at last
_REPEATS = 4
_EXPONENT_STEPS, _EXPONENT_PIECE, _EXPONENT_STARTS = 256, 32, 4
# What a first run of a program may take, compilation included: guesses, on the safe side.
_COMPILE_SECONDS, _SWEEPS_COMPILE_SECONDS = 1.0, 5.0
# Times the loop's seconds for as many steps, from which on nothing is measured again: a batch, and
# the least piece of a candidate, whose sweep is over a whole window.
_SLOW_BATCH, _SLOW_PIECE = 2.0, 100.0


class Budget:
    """Seconds that a pilot may take, which begin now.

    Args:
        seconds: their number.
        clock: seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
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


def measure(
    task: Task,
    kernel: Kernel,
    positions: jax.Array,
    rng_key: jax.Array,
    first_step: int,
    loop_seconds_per_step: float,
    budget: float,
    clock: Callable[[], float] = time.perf_counter,
) -> Plan:
    """Run the pilot: from cheap measurements to dear ones, no further than needed.

    Whatever an exception ends, the plan has its cause and goes by what was measured before.

    Args:
        task: what is sampled.
        kernel: flat, with the parameters to run with.
        positions: where the chains are, shape `(chain, D)`.
        rng_key: of the noise.
        first_step: the next step.
        loop_seconds_per_step: as measured.
        budget: seconds that the pilot may take. A measurement that would not fit is left out, and
            one that turns out not to fit is given up.
        clock: seconds.
    """
    left = Budget(budget, clock)
    pilot = _Pilot(task.at(positions), kernel, rng_key, first_step, loop_seconds_per_step, left)
    try:
        pilot.run()
    except Exception as error:
        pilot.seen = pilot.seen._replace(failure=first_line(error))
    return decided(pilot.seen, left.spent)


def runner_of(task: Task, solver: Solver, kernel: Kernel, n_steps: int) -> tuple[Runner, str]:
    """The runner of a solver that the user did not ask for, and what it has to go without."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runner = task.runner(solver, kernel, n_steps)
    return runner, "; ".join(str(warning.message) for warning in caught)


class _Pilot:
    """What `measure` goes through; `seen` is what it has found so far."""

    def __init__(
        self,
        task: Task,
        kernel: Kernel,
        rng_key: jax.Array,
        first_step: int,
        loop_seconds_per_step: float,
        budget: Budget,
    ) -> None:
        self.task = task
        self.kernel = kernel
        self.positions = task.problem.positions
        self.rng_key = rng_key
        self.first_step = first_step
        self.budget = budget
        self.seen = Measurements(loop_seconds_per_step, {})
        self._typed = with_dtype(kernel, self.positions.dtype)
        self._recursion = as_recursion(task.problem.logdensity, self._typed)

    def run(self) -> None:
        """All measurements, one after another."""
        self._time_batches()
        windows = self.seen.windows_that_may_win
        if not windows:
            return
        try:
            check_linearizable(self.task.problem, self.kernel)
        except ValueError:
            self.seen = self.seen._replace(is_differentiable=False)
            return
        if self.budget.affords(_COMPILE_SECONDS):
            self.seen = self.seen._replace(lyapunov_exponent=self._exponent())
        if math.isnan(self.seen.lyapunov_exponent) or self.seen.is_chaotic:
            return
        for structure in _structures(self.task, self.kernel):
            for window in windows:
                if self.budget.affords(_SWEEPS_COMPILE_SECONDS):
                    self._try(structure, window)

    def _time_batches(self) -> None:
        """From the small window on, until one is slower than the loop or would not fit."""
        loop = self.seen.loop_seconds_per_step
        if not self.budget.affords(len(_WINDOWS) * _COMPILE_SECONDS):
            return
        together = jax.jit(jax.vmap(jax.vmap(self._recursion.step, in_axes=(None, 0))))
        for window in _WINDOWS:
            known = self.seen.batch_seconds_per_step
            if known and not self.budget.affords(_COMPILE_SECONDS + window * min(known.values())):
                return
            noise = self._noise(self.positions, window)
            compiled = together.lower(self.positions, noise).compile()
            run = functools.partial(compiled, self.positions, noise)
            seconds = self._fastest(run, _SLOW_BATCH * loop * window)
            self.seen = self.seen._replace(
                batch_seconds_per_step={**known, window: seconds / window}
            )
            if seconds > _SLOW_BATCH * loop * window:
                return

    def _fastest(self, run: Callable[[], Any], most: float) -> float:
        """Seconds of the fastest of several runs: of the first one where that took too many."""
        fastest = math.inf
        for _ in range(_REPEATS):
            started = self.budget.clock()
            jax.block_until_ready(run())
            seconds = self.budget.clock() - started
            fastest = min(fastest, seconds)
            if seconds > most or not self.budget.affords(seconds):
                break
        return fastest

    def _exponent(self) -> float:
        """Lyapunov exponent of the first chain; NaN where it does not fit."""
        noise = jax.tree.map(lambda u: u[0], self._noise(self.positions[:1], _EXPONENT_STEPS))
        state = self.positions[0]
        shape = (_EXPONENT_STARTS, state.size)
        vectors = jax.random.normal(jax.random.key(0), shape, state.dtype)
        push = jax.jit(functools.partial(grow, lambda s, u: self._recursion.step(s, u)[0]))
        growths: list[np.ndarray] = []
        for start in range(0, _EXPONENT_STEPS, _EXPONENT_PIECE):
            started = self.budget.clock()
            rows = jax.tree.map(lambda u: u[start : start + _EXPONENT_PIECE], noise)  # noqa: B023
            (state, vectors), growth = push(state, vectors, rows)
            growths.append(np.asarray(growth))
            if not self.budget.affords(self.budget.clock() - started):
                return math.nan
        exponent = float(np.mean(growths))
        return math.inf if math.isnan(exponent) else exponent

    def _try(self, structure: Any, window: int) -> None:
        """Take the next steps of the chain by sweeps, and record how it went."""
        name = f"{type(structure).__name__}, window {window}"
        solver = ParallelNewton(
            jacobian=structure, damping=Clip(), window=window, max_sweeps=window // 2
        )
        try:
            found = self._tried(name, solver, window)
        except Exception as error:
            found = Dropped(name, first_line(error))
        if isinstance(found, Dropped):
            self.seen = self.seen._replace(dropped=(*self.seen.dropped, found))
        else:
            self.seen = self.seen._replace(candidates=(*self.seen.candidates, found))

    def _tried(self, name: str, solver: ParallelNewton, window: int) -> Candidate | Dropped:
        """In pieces that double, as no clock stops a program that runs."""
        most = _PILOT_WINDOWS * window
        runner, remark = runner_of(self.task, solver, self.kernel, most)
        runner.compile(self.kernel, self.positions, self.rng_key)
        positions, first_step, size = self.positions, self.first_step, 1
        while True:
            started = self.budget.clock()
            segment = runner.advance(self.kernel, positions, self.rng_key, first_step, size)
            seconds = self.budget.clock() - started
            if not np.isfinite(segment.positions).all():
                return Dropped(name, "states that are not finite")
            if seconds > _SLOW_PIECE * self.seen.loop_seconds_per_step * max(size, window):
                return Dropped(name, f"{seconds:.2g} s for {size} steps")
            if size == most:
                break
            if not self.budget.affords(2 * seconds):
                spent = f"{seconds:.2g} s for {size} steps, {self.budget.spent:.2g} s in all"
                return Dropped(name, f"more would exceed the pilot's share of the run ({spent})")
            positions, first_step, size = segment.last, first_step + size, min(2 * size, most)
        sweeps = max(int(segment.report.sweeps.max()), 1)
        return Candidate(
            name=name,
            solver=solver,
            seconds_per_step=seconds / size,
            seconds_per_sweep=seconds / sweeps,
            sweeps_per_step=sweeps / size,
            work_per_step=float(segment.report.evaluations.mean()) / size,
            remark=remark,
        )

    def _noise(self, positions: jax.Array, n_steps: int) -> Any:
        step = jnp.uint32(self.first_step)
        return draw_noise(self._typed, positions, self.rng_key, step, n_steps, n_steps)


def _structures(task: Task, kernel: Kernel) -> list[Any]:
    dim = task.problem.positions.shape[1]
    if task.problem.logdensity is not None and not kernel.uses_gradient and kernel.metrics:
        return [ScaledIdentity(1.0)]  # a random walk moves all states alike
    return [Diagonal(), Dense()] if dim <= _MOST_DENSE_DIM else [Diagonal()]
