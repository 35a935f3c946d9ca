"""Measuring what is fastest for a chain, and deciding from what was measured."""

import itertools
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pmcmc._chain import as_recursion, check_linearizable, draw_noise
from pmcmc._contraction import lyapunov_exponent
from pmcmc._problem import with_dtype
from pmcmc._task import Task
from pmcmc.kernels import Kernel
from pmcmc.solvers import (
    Clip,
    Dense,
    Diagonal,
    ParallelNewton,
    ScaledIdentity,
    Sequential,
    Solver,
)

_WINDOWS = (64, 512)
_LEAST_WORK = 2.5  # evaluations of the transition per step: no kernel and target here took fewer
_MOST_DENSE_DIM = 32
_PILOT_WINDOWS = 2  # the windows of steps that each candidate takes
_EXPONENT_STEPS = 256
_CHAOTIC = 0.01  # exponent per step; random walks, which couple by their decisions, have 0
# What a first run of a program may take, compilation included: guesses, on the safe side.
_COMPILE_SECONDS, _SWEEPS_COMPILE_SECONDS = 1.0, 5.0
_GAIN = 0.9  # a candidate has to take less than this share of the loop's time


class Candidate(NamedTuple):
    """One way to run the chain in parallel in time, as the pilot measured it.

    Args:
        name: structure and window.
        solver: as a user would write it.
        seconds_per_step: of all chains together.
        seconds_per_sweep: the same.
        sweeps_per_step: of the slowest chain.
        work_per_step: evaluations of the transition per step, mean over chains.
    """

    name: str
    solver: ParallelNewton
    seconds_per_step: float
    seconds_per_sweep: float
    sweeps_per_step: float
    work_per_step: float


class Change(NamedTuple):
    """A solver that gave way to the next one.

    Args:
        step: first step that the next one took, counted from the start of warm-up or draws.
        solver: the next one.
        cause: why.
    """

    step: int
    solver: Solver
    cause: str


class Measurements(NamedTuple):
    """What a decision rests on. Seconds are of all chains together.

    Args:
        loop_seconds_per_step: a step of the loop.
        batch_seconds_per_step: a step when as many as the key says are evaluated at once; empty
            where there was no pilot.
        lyapunov_exponent: per step (see `pmcmc.diagnostics`), NaN where it was not needed.
        candidates: ways to sweep that were tried.
        is_differentiable: whether JAX can differentiate a step in forward mode, as sweeps do.
    """

    loop_seconds_per_step: float
    batch_seconds_per_step: dict[int, float]
    lyapunov_exponent: float = math.nan
    candidates: tuple[Candidate, ...] = ()
    is_differentiable: bool = True

    @property
    def windows_that_may_win(self) -> list[int]:
        """Windows whose steps are cheap enough, beside the loop's, for the least work there is."""
        loop = self.loop_seconds_per_step
        return [
            window
            for window, seconds in self.batch_seconds_per_step.items()
            if _LEAST_WORK * seconds < loop
        ]

    @property
    def best(self) -> Candidate:
        """The fastest of the candidates."""
        return min(self.candidates, key=lambda candidate: candidate.seconds_per_step)


class Plan(NamedTuple):
    """What `solver="auto"` chose, and why.

    Args:
        solver: the choice, as a user would write it.
        reason: in words.
        measurements: in figures.
        pilot_seconds: all that measuring took, compilation included.
        changes: solvers that took over later on.
    """

    solver: Solver
    reason: str
    measurements: Measurements
    pilot_seconds: float
    changes: tuple[Change, ...] = ()

    @property
    def is_parallel_in_time(self) -> bool:
        """Whether sweeps were chosen."""
        return isinstance(self.solver, ParallelNewton)

    @property
    def headline(self) -> str:
        """The decision, and what took over later on."""
        return "; then ".join([self.reason, *(change.cause for change in self.changes)])

    def __str__(self) -> str:
        seen = self.measurements
        lines = [self.reason, f"  loop: {_microseconds(seen.loop_seconds_per_step)} a step"]
        lines += [
            f"  {size} steps at once: {_microseconds(seconds)} a step"
            for size, seconds in seen.batch_seconds_per_step.items()
        ]
        if not math.isnan(seen.lyapunov_exponent):
            lines.append(f"  Lyapunov exponent: {seen.lyapunov_exponent:.2g} a step")
        lines += [
            f"  {c.name}: {_microseconds(c.seconds_per_step)} a step, {c.work_per_step:.1f} work "
            f"per step, {_microseconds(c.seconds_per_sweep)} a sweep"
            for c in seen.candidates
        ]
        lines += [f"  from step {c.step:,} on: {c.cause}" for c in self.changes]
        lines.append(f"  pilot: {self.pilot_seconds:.2g} s")
        return "\n".join(lines)


def decided(measurements: Measurements, pilot_seconds: float = 0.0) -> Plan:
    """The plan that follows from these measurements."""
    return Plan(*choose(measurements), measurements, pilot_seconds)


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

    Args:
        task: what is sampled.
        kernel: flat, with the parameters to run with.
        positions: where the chains are, shape `(chain, D)`.
        rng_key: of the noise.
        first_step: the next step.
        loop_seconds_per_step: as measured.
        budget: seconds that the pilot may take. A measurement that would not fit is left out.
        clock: seconds.
    """
    started = clock()
    typed = with_dtype(kernel, positions.dtype)
    recursion = as_recursion(task.problem.logdensity, typed)

    def affords(seconds: float) -> bool:
        return clock() - started + seconds < budget

    seen = Measurements(loop_seconds_per_step, {})
    if affords(len(_WINDOWS) * _COMPILE_SECONDS):
        seconds = {}
        for window in _WINDOWS:
            noise = draw_noise(typed, positions, rng_key, jnp.uint32(first_step), window, window)
            together = jax.jit(jax.vmap(jax.vmap(recursion.step, in_axes=(None, 0))))
            seconds[window] = _fastest(together, positions, noise, clock=clock) / window
        seen = seen._replace(batch_seconds_per_step=seconds)
    if seen.windows_that_may_win and not _is_differentiable(task, kernel):
        seen = seen._replace(is_differentiable=False)
    elif seen.windows_that_may_win and affords(_COMPILE_SECONDS):
        exponent = _exponent(recursion, typed, positions, rng_key, first_step)
        seen = seen._replace(lyapunov_exponent=exponent)
    if seen.lyapunov_exponent <= _CHAOTIC:
        for structure, window in itertools.product(
            _structures(task, kernel), seen.windows_that_may_win
        ):
            if affords(_SWEEPS_COMPILE_SECONDS):
                solver = ParallelNewton(
                    jacobian=structure, damping=Clip(), window=window, max_sweeps=window // 2
                )
                tried = _tried(task, solver, kernel, positions, rng_key, first_step, clock)
                seen = seen._replace(candidates=(*seen.candidates, *tried))
    return decided(seen, clock() - started)


def choose(measurements: Measurements) -> tuple[Solver, str]:
    """The solver for these measurements, and why.

    What was not measured, being too dear for so short a run, decides for the loop.
    """
    loop, batch, exponent, candidates, is_differentiable = measurements
    too_short = "the loop: the rest of the run is too short for "
    if not batch:
        return Sequential(), too_short + "a pilot"
    if not measurements.windows_that_may_win:
        gain = loop / min(batch.values())
        return Sequential(), (
            f"the loop: a step costs {gain:.1f} times less when many are evaluated at once, and "
            f"sweeps evaluate each at least {_LEAST_WORK} times"
        )
    if not is_differentiable:
        return Sequential(), "the loop: JAX cannot differentiate a step, as sweeps do"
    if exponent > _CHAOTIC:
        return Sequential(), (
            f"the loop: the chain does not forget its past (Lyapunov exponent {exponent:.2g}), so "
            "that sweeps finish few steps each"
        )
    if not candidates:
        return Sequential(), too_short + "trying sweeps"
    best = measurements.best
    gain = loop / best.seconds_per_step
    if not best.seconds_per_step < _GAIN * loop:
        return Sequential(), f"the loop: the best sweeps ({best.name}) run at {gain:.2g} of it"
    return best.solver, f"{best.name}: {gain:.2g} times as fast as the loop"


def ladder(solver: Solver) -> list[tuple[Solver, str]]:
    """What takes over, one after another, where sweeps stall."""
    if not isinstance(solver, ParallelNewton):
        return []
    rungs: list[tuple[Solver, str]] = []
    choices = {name: getattr(solver, name) for name in ("jacobian", "basis", "window")}
    if solver.damping is None:
        rungs.append((ParallelNewton(**choices, damping=Clip()), "clipped sweeps"))
    window = solver.window if isinstance(solver.window, int) else _WINDOWS[0]
    if window // 4 > 1:
        smaller = choices | {"window": window // 4}
        rungs.append((ParallelNewton(**smaller, damping=Clip()), f"a window of {window // 4}"))
    return [*rungs, (Sequential(), "the loop")]


def _structures(task: Task, kernel: Kernel) -> list[Any]:
    dim = task.problem.positions.shape[1]
    if task.problem.logdensity is not None and not kernel.uses_gradient and kernel.metrics:
        return [ScaledIdentity(1.0)]  # a random walk moves all states alike
    return [Diagonal(), Dense()] if dim <= _MOST_DENSE_DIM else [Diagonal()]


def _is_differentiable(task: Task, kernel: Kernel) -> bool:
    try:
        check_linearizable(task.problem, kernel)
    except ValueError:
        return False
    return True


def _tried(
    task: Task,
    solver: ParallelNewton,
    kernel: Kernel,
    positions: jax.Array,
    rng_key: jax.Array,
    first_step: int,
    clock: Callable[[], float],
) -> list[Candidate]:
    """What a solver takes for the next steps of the chain; nothing where it cannot take them."""
    assert isinstance(solver.window, int)
    n_steps = solver.window * _PILOT_WINDOWS
    try:
        runner = task.runner(solver, kernel, n_steps)
        runner.compile(kernel, positions, rng_key)
    except ValueError:  # its matrices would not fit in memory
        return []
    started = clock()
    segment = runner.advance(kernel, positions, rng_key, first_step, n_steps)
    seconds = clock() - started
    sweeps = max(int(segment.report.sweeps.max()), 1)
    return [
        Candidate(
            name=f"{type(solver.jacobian).__name__}, window {solver.window}",
            solver=solver,
            seconds_per_step=seconds / n_steps,
            seconds_per_sweep=seconds / sweeps,
            sweeps_per_step=sweeps / n_steps,
            work_per_step=float(segment.report.evaluations.mean()) / n_steps,
        )
    ]


def _exponent(
    recursion: Any, kernel: Kernel, positions: jax.Array, rng_key: jax.Array, first_step: int
) -> float:
    """Lyapunov exponent of the first chain."""
    n_steps = _EXPONENT_STEPS
    noise = draw_noise(kernel, positions[:1], rng_key, jnp.uint32(first_step), n_steps, n_steps)
    inputs = jax.tree.map(lambda u: u[0], noise)

    def step(position: jax.Array, u: Any) -> jax.Array:
        state: jax.Array = recursion.step(position, u)[0]
        return state

    exponent = float(lyapunov_exponent(step, positions[0], inputs))
    return math.inf if math.isnan(exponent) else exponent


def _fastest(function: Callable[..., Any], *arguments: Any, clock: Callable[[], float]) -> float:
    """Seconds of the fastest of three runs, after one that compiles."""
    seconds = []
    for _ in range(4):
        started = clock()
        jax.block_until_ready(function(*arguments))
        seconds.append(clock() - started)
    return min(seconds[1:])


def _microseconds(seconds: float) -> str:
    return f"{1e6 * seconds:.3g} us"
