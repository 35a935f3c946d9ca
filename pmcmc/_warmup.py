"""Warm-up: tuning the step size in short windows of fixed parameters."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._chain import Runner
from pmcmc._evidence import Evidence
from pmcmc.solvers import Outcome

_PROBE_STEPS = 5
_MAX_PROBES = 100
_N_WINDOWS = 40


class Warmup(NamedTuple):
    """Record of a warm-up.

    Args:
        n_steps: length of each window.
        step_size: step size used in each window, NaN where there is none.
        acceptance_rate: mean over the steps of each window, pooled over chains.
        sweeps: parallel sweeps taken, per chain.
        sequential_steps: steps taken one at a time, per chain.
        outcome: how the solver ended, per chain, integers of `pmcmc.solvers.Outcome`.
    """

    n_steps: np.ndarray
    step_size: np.ndarray
    acceptance_rate: np.ndarray
    sweeps: np.ndarray
    sequential_steps: np.ndarray
    outcome: np.ndarray

    @property
    def converged(self) -> np.ndarray:
        """Whether every step is finite and within tolerance, per chain."""
        return self.outcome <= Outcome.FINISHED_WITH_SEQUENTIAL_STEPS


def warm_up(
    runner: Runner,
    kernel: Any,
    positions: jax.Array,
    rng_key: jax.Array,
    n_steps: int,
    on_steps: Callable[[int], None],
) -> tuple[Any, jax.Array, Warmup]:
    """Tune `kernel.step_size` towards the acceptance rate that the kernel aims at.

    Dual averaging (Nesterov, 2009; Hoffman & Gelman, 2014) with one update a window; windows grow,
    so that updates are frequent at first and precise later. Chains share one step size. A kernel
    that aims at no rate just takes the steps.

    Returns:
        The kernel with the averaged step size, the last positions, and a record.
    """
    averaging = None
    if kernel.target_acceptance_rate is not None:
        kernel = _with_reasonable_step_size(runner, kernel, positions, rng_key)
        averaging = _DualAveraging.start(float(kernel.step_size), kernel.target_acceptance_rate)
    record = []
    evidence = Evidence.none(len(positions))
    for size in [n_steps] if averaging is None else _window_sizes(n_steps):
        of_segments = []
        for segment in runner.run(kernel, positions, rng_key, evidence.n_steps, size):
            positions = segment.last
            of_segments.append(segment.stats["acceptance_rate"])
            evidence = evidence.add(segment)
            on_steps(segment.positions.shape[1])
        rate = _pooled_rate(np.concatenate(of_segments, axis=1))
        record.append((size, float(getattr(kernel, "step_size", math.nan)), rate))
        if averaging is not None:
            averaging = averaging.update(rate)
            kernel = _with_step_size(kernel, math.exp(averaging.log_step_size))
    if averaging is not None:
        kernel = _with_step_size(kernel, math.exp(averaging.averaged_log_step_size))
    sizes, step_sizes, rates = map(np.array, zip(*record, strict=True))
    warmup = Warmup(
        n_steps=sizes,
        step_size=step_sizes,
        acceptance_rate=rates,
        sweeps=evidence.sweeps,
        sequential_steps=evidence.sequential_steps,
        outcome=evidence.outcome,
    )
    return kernel, positions, warmup


@dataclass(frozen=True)
class _DualAveraging:
    """Stochastic root finding for the logarithm of the step size."""

    target: float
    shrink_towards: float
    log_step_size: float
    averaged_log_step_size: float
    mean_error: float
    count: int

    @classmethod
    def start(cls, step_size: float, target: float) -> "_DualAveraging":
        log_step_size = math.log(step_size)
        return cls(target, log_step_size, log_step_size, log_step_size, 0.0, 0)

    def update(self, acceptance_rate: float) -> "_DualAveraging":
        # Section 3.2.1 of Hoffman & Gelman (2014), but for gamma: their 0.05, for single steps,
        # makes step sizes go to and fro where mean rates of whole windows fall steeply.
        t0, gamma, kappa = 10.0, 0.25, 0.75
        count = self.count + 1
        weight = 1 / (count + t0)
        error = (1 - weight) * self.mean_error + weight * (self.target - acceptance_rate)
        log_step_size = self.shrink_towards - math.sqrt(count) / gamma * error
        weight = count**-kappa
        averaged = weight * log_step_size + (1 - weight) * self.averaged_log_step_size
        return dataclasses.replace(
            self,
            log_step_size=log_step_size,
            averaged_log_step_size=averaged,
            mean_error=error,
            count=count,
        )


def _with_reasonable_step_size(
    runner: Runner, kernel: Any, positions: jax.Array, rng_key: jax.Array
) -> Any:
    """Double or halve the step size until the acceptance rate crosses its target."""

    def is_too_small(step_size: float) -> bool:
        trial = _with_step_size(kernel, step_size)
        segment = next(runner.run(trial, positions, rng_key, 0, _PROBE_STEPS))
        return _pooled_rate(segment.stats["acceptance_rate"]) > kernel.target_acceptance_rate

    step_size = float(kernel.step_size)
    grows = is_too_small(step_size)
    for _ in range(_MAX_PROBES):
        if is_too_small(step_size) != grows:
            return _with_step_size(kernel, step_size)
        step_size *= 2.0 if grows else 0.5
    verdict = "stays above" if grows else "never reaches"
    direction = "up" if grows else "down"
    raise ValueError(
        f"the acceptance rate at x0 {verdict} {kernel.target_acceptance_rate} {direction} to "
        f"step_size={step_size:.1g}, so no step size can be tuned: check that the log density can "
        f"be normalised and is smooth at x0, or write kernel=pmcmc.{type(kernel).__name__}"
        "(step_size=...) with n_warmup=0."
    )


def _pooled_rate(rates: np.ndarray) -> float:
    """Harmonic mean over chains, which one stuck chain pulls down and many good ones cannot hide.

    Args:
        rates: acceptance rates, shape `(chain, step)`.
    """
    of_chains = np.maximum(rates.mean(axis=1), 1e-3)
    return float(1 / np.mean(1 / of_chains))


def _with_step_size(kernel: Any, step_size: float) -> Any:
    # Three digits are enough. They keep residuals of the solver, which are in the acceptance rates,
    # out of the step size, but for a chance of about residual / 1e-3 a window: none in float64.
    return dataclasses.replace(kernel, step_size=float(f"{step_size:.3g}"))


def _window_sizes(n_steps: int) -> list[int]:
    """Lengths that grow linearly and add up to `n_steps`."""
    n_windows = min(_N_WINDOWS, n_steps)
    ends = np.arange(1, n_windows + 1) * np.arange(2, n_windows + 2)
    ends = np.ceil(ends * (n_steps / ends[-1])).astype(int)
    return [size for size in np.diff(ends, prepend=0).tolist() if size > 0]
