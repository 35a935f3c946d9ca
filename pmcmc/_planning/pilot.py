"""The pilot: timing solvers on the chain at hand."""

import functools
import math
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from pmcmc._chain.fitting import Fitting
from pmcmc._chain.noise import chain_noise
from pmcmc._chain.recursion import as_recursion, check_linearizable
from pmcmc._planning.choice import Candidate, Dropped, Measurements, Plan, decided
from pmcmc._planning.growth import grow
from pmcmc._planning.task import Task
from pmcmc._planning.trial import Budget, Place, runner_of, tried
from pmcmc._util.checks import first_line
from pmcmc._util.keys import internal_key
from pmcmc.kernels import Kernel
from pmcmc.solvers import (
    Clip,
    Dense,
    Diagonal,
    ParallelNewton,
    ScaledIdentity,
    Sequential,
    Speculative,
)
from pmcmc.surrogates import Surrogate
from pmcmc.surrogates.fit import MOST_DIM
from pmcmc.surrogates.monomials import n_monomials

_WINDOWS = (64, 512)
_MOST_DENSE_DIM = 32
_REPEATS = 4
_FITTED_PER_TERM = 12  # steps of the loop to fit a surrogate to, per term of a quadratic
_SLOW = 2.0  # a batch that takes this many times as long as the loop has lost
_EXPONENT_STEPS, _EXPONENT_PIECE, _EXPONENT_STARTS = 256, 32, 4
# Time of the first run of a program, including compilation: guesses on the safe side.
_COMPILE_SECONDS, _SWEEPS_COMPILE_SECONDS = 1.0, 5.0


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
    """Run the pilot, from cheap measurements to expensive ones, and no further than needed.

    Any exception ends the pilot, and the plan records the cause.

    Args:
        task: what is sampled.
        kernel: for flat positions, with the parameters of the run.
        positions: current positions of the chains, shape `(chain, D)`.
        rng_key: of the noise.
        first_step: number of the next step.
        loop_seconds_per_step: as measured before.
        budget: most seconds for the pilot. It skips measurements that would not fit, and stops
            those that turn out not to fit.
        clock: returns seconds.
    """
    left = Budget(budget, clock)
    place = Place(task.at(positions), kernel, rng_key, first_step)
    pilot = _Pilot(place, left, Measurements(loop_seconds_per_step, {}))
    try:
        pilot.run()
    except Exception as error:
        pilot.seen = pilot.seen._replace(failure=first_line(error))
    return decided(pilot.seen, left.spent)


class _Pilot:
    """The stages of `measure`; `seen` holds the measurements so far."""

    def __init__(self, place: Place, budget: Budget, seen: Measurements) -> None:
        self.place = place
        self.budget = budget
        self.seen = seen

    def run(self) -> None:
        """Take all measurements, one after another."""
        place = self.place
        kernel = place.kernel
        recursion = as_recursion(place.task.problem.logdensity, kernel)
        self._time_batches(kernel, recursion)
        self._speculate(kernel, recursion)
        windows = self.seen.windows_that_may_win
        if not windows:
            return
        try:
            check_linearizable(place.task.problem, place.kernel)
        except ValueError:
            self.seen = self.seen._replace(is_differentiable=False)
            return
        if self.budget.affords(_COMPILE_SECONDS):
            self.seen = self.seen._replace(lyapunov_exponent=self._exponent(kernel, recursion))
        if math.isnan(self.seen.lyapunov_exponent) or self.seen.is_chaotic:
            return
        for structure in _structures(place.task, kernel):
            for window in windows:
                if self.budget.affords(_SWEEPS_COMPILE_SECONDS):
                    self._sweep(structure, window)

    def _time_batches(self, kernel: Kernel, recursion: Any) -> None:
        """Time batches, small windows first, until one is slower than the loop or too long."""
        if not self.budget.affords(len(_WINDOWS) * _COMPILE_SECONDS):
            return
        positions = self.place.positions
        together = jax.jit(jax.vmap(jax.vmap(recursion.step, in_axes=(None, 0))))
        for window in _WINDOWS:
            known = self.seen.batch_seconds_per_step
            if known and not self.budget.affords(_COMPILE_SECONDS + window * min(known.values())):
                return
            noise = self._noise(kernel, positions, window)
            run = functools.partial(together.lower(positions, noise).compile(), positions, noise)
            most = _SLOW * self.seen.loop_seconds_per_step * window
            seconds = self._fastest(run, most)
            timed = known | {window: seconds / window}
            self.seen = self.seen._replace(batch_seconds_per_step=timed)
            if seconds > most:
                return

    def _fastest(self, run: Callable[[], Any], most: float) -> float:
        """Seconds of the fastest of several runs; a run longer than `most` is the last."""
        fastest = math.inf
        for _ in range(_REPEATS):
            started = self.budget.clock()
            jax.block_until_ready(run())
            seconds = self.budget.clock() - started
            fastest = min(fastest, seconds)
            if seconds > most or not self.budget.affords(seconds):
                break
        return fastest

    def _exponent(self, kernel: Kernel, recursion: Any) -> float:
        """Lyapunov exponent of the first chain; NaN if the budget is too small."""
        positions = self.place.positions[:1]
        noise = jax.tree.map(lambda u: u[0], self._noise(kernel, positions, _EXPONENT_STEPS))
        state = positions[0]
        shape = (_EXPONENT_STARTS, state.size)
        vectors = jax.random.normal(internal_key(0), shape, state.dtype)
        push = jax.jit(functools.partial(grow, lambda s, u: recursion.step(s, u)[0]))
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

    def _speculate(self, kernel: Kernel, recursion: Any) -> None:
        """Take the next steps of the chain by speculation, if there can be a surrogate."""
        n_chains, dim = self.place.positions.shape
        calls, window = recursion.calls, _WINDOWS[0]
        if recursion.parts is None or not calls.step or dim > MOST_DIM:
            return
        share = calls.advance / calls.step
        if not self.seen.speculation_may_win(window, n_chains, share):
            return
        surrogate = kernel.surrogate_of_logdensity()
        if surrogate is None:
            surrogate = self._fitted(kernel)
        if surrogate is not None and self.budget.affords(_SWEEPS_COMPILE_SECONDS):
            self._try("speculation", Speculative(surrogate=surrogate, window=window))

    def _fitted(self, kernel: Kernel) -> Surrogate | None:
        """A surrogate fitted to some steps of the loop; `None` if time or data do not suffice."""
        n_chains, dim = self.place.positions.shape
        n_steps = -(-_FITTED_PER_TERM * n_monomials(dim, 2) // n_chains)
        seconds = n_steps * self.seen.loop_seconds_per_step
        if not self.budget.affords(_COMPILE_SECONDS + _SWEEPS_COMPILE_SECONDS + seconds):
            return None
        fitting = Fitting(dim, is_scheduled=False)
        task = self.place.task._replace(fitting=fitting)
        runner, _ = runner_of(task, Sequential(), kernel, n_steps)
        self.place.advance(runner, self.place.positions, 0, min(n_steps, runner.length))
        try:
            return fitting.refit().surrogate
        except ValueError as error:
            dropped = Dropped("speculation", first_line(error))
            self.seen = self.seen._replace(dropped=(*self.seen.dropped, dropped))
            return None

    def _sweep(self, structure: Any, window: int) -> None:
        """Take the next steps of the chain by sweeps with this structure of the Jacobian."""
        solver = ParallelNewton(
            jacobian=structure, damping=Clip(), window=window, max_sweeps=window // 2
        )
        self._try(type(structure).__name__, solver)

    def _try(self, name: str, solver: ParallelNewton | Speculative) -> None:
        """Take the next steps of the chain by a solver, and record the result."""
        seen = self.seen
        found = tried(self.place, name, solver, seen.loop_seconds_per_step, self.budget)
        if isinstance(found, Candidate):
            self.seen = seen._replace(candidates=(*seen.candidates, found))
        else:
            self.seen = seen._replace(dropped=(*seen.dropped, found))

    def _noise(self, kernel: Kernel, positions: jax.Array, n_steps: int) -> Any:
        """Noise of the next steps, leading axes `(chain, n_steps)`."""
        step, rng_key = np.uint32(self.place.first_step), self.place.rng_key
        return chain_noise(
            kernel, positions, rng_key, step, np.int32(n_steps), n_steps, np.uint32(0)
        )


def _structures(task: Task, kernel: Kernel) -> list[Any]:
    dim = task.problem.positions.shape[1]
    if task.problem.logdensity is not None and not kernel.uses_gradient and kernel.metrics:
        return [ScaledIdentity(1.0)]  # a random walk moves all states alike
    return [Diagonal(), Dense()] if dim <= _MOST_DENSE_DIM else [Diagonal()]
