"""The windows of a warm-up: steps with fixed parameters, which are tuned in between."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._adaptation.metric import dense_estimate, diagonal_estimate
from pmcmc._adaptation.schedule import phases
from pmcmc._adaptation.step_size import (
    DualAveraging,
    pooled_rate,
    reasonable_step_size,
    with_step_size,
)
from pmcmc._chain.density import FlatLogDensity
from pmcmc._chain.evidence import Evidence
from pmcmc._chain.segment import Segment
from pmcmc._chain.starts import scale_hint
from pmcmc._util.checks import check_above, check_share, is_among, short
from pmcmc._util.programs import jit_of_function
from pmcmc.kernels import Kernel
from pmcmc.solvers import Outcome

_PROBE_STEPS = 5
_MOST_DENSE_DIM = 50  # products with a matrix stay cheap beside most log densities
_KEPT_STEPS = 1000  # of a chain in a phase
_GRADIENTS = 200  # draws of a phase at which gradients are evaluated again, or
_GRADIENTS_PER_DIM = 4  # times D for a matrix


class WarmupReport(NamedTuple):
    """Record of a warm-up; arrays have one entry a window, or one a chain.

    Args:
        n_steps: length of each window.
        step_size: step size used in each window, NaN where there is none.
        acceptance_rate: mean over the steps of each window, pooled over chains.
        metric_updates: windows after which the metric changed.
        sweeps: parallel sweeps taken, per chain.
        sequential_steps: steps taken one at a time, per chain.
        outcome: how the solver ended, per chain, integers of `pmcmc.solvers.Outcome`.
    """

    n_steps: np.ndarray
    step_size: np.ndarray
    acceptance_rate: np.ndarray
    metric_updates: np.ndarray
    sweeps: np.ndarray
    sequential_steps: np.ndarray
    outcome: np.ndarray

    @property
    def converged(self) -> np.ndarray:
        """Whether every step is finite and within tolerance, per chain."""
        return self.outcome <= Outcome.FINISHED_WITH_SEQUENTIAL_STEPS


class Tuning(NamedTuple):
    """What a warm-up tunes.

    Args:
        target_acceptance_rate: to aim at with the step size; `None` to leave it.
        metric: kind of inverse mass matrix to estimate, `"diagonal"` or `"dense"`; `None` to leave
            it.
    """

    target_acceptance_rate: float | None
    metric: str | None


class Kept(NamedTuple):
    """Some steps of a phase, evenly spread, leading axes `(chain, step)`.

    Args:
        positions: shape `(chain, step, D)`.
        is_accepted: shape `(chain, step)`.
        logdensity: shape `(chain, step)`; NaN where there is none.
    """

    positions: np.ndarray
    is_accepted: np.ndarray
    logdensity: np.ndarray

    @classmethod
    def of(cls, segment: Segment, stride: int) -> "Kept":
        """Every `stride`-th step of a segment."""
        accepted = segment.stats["is_accepted"]
        logdensity = segment.stats.get("logdensity", np.full(accepted.shape, math.nan))
        rows = (segment.positions, accepted, logdensity)
        return cls(*(x[:, ::stride] for x in rows))

    @classmethod
    def joined(cls, parts: "list[Kept]") -> "Kept":
        """The parts one after another."""
        return cls(*(np.concatenate(rows, axis=1) for rows in zip(*parts, strict=True)))


class Tuned(NamedTuple):
    """What comes out of the windows.

    Args:
        runner: adapted to the kernel.
        kernel: with what was tuned.
        positions: the last ones, shape `(chain, D)`.
        report: the record.
        kept: steps of the longest phase, at most about 1,000 of a chain.
    """

    runner: Any
    kernel: Any
    positions: jax.Array
    report: WarmupReport
    kept: Kept


def as_tuning(
    kernel: Any, dim: int, metric: str | None, target_acceptance_rate: float | None
) -> tuple[Any, Tuning]:
    """The kernel with a metric to start from, and what to tune.

    Args:
        kernel: as it was given.
        dim: numbers in a position.
        metric: `"auto"`, `"diagonal"`, `"dense"` or `None`.
        target_acceptance_rate: `None` for the kernel's own in so many dimensions.

    Raises:
        ValueError: the kernel has no such parameters, or a choice is out of range.
    """
    target = _as_target(kernel, dim, target_acceptance_rate)
    if not is_among(metric, "auto", "diagonal", "dense", None):
        raise ValueError(
            f"metric must be 'auto', 'diagonal', 'dense' or None, got {short(metric)}: write "
            "metric='auto'."
        )
    if metric not in ("auto", None, *kernel.metrics):
        kinds = " or ".join(repr(kind) for kind in ("auto", *kernel.metrics, None))
        raise ValueError(
            f"metric must be {kinds} for {type(kernel).__name__}, got {short(metric)}: write "
            "metric='auto'."
        )
    given = getattr(kernel, "inverse_mass_matrix", None)
    if metric == "auto":
        is_tuned = target is not None and bool(kernel.metrics) and given is None
        is_dense = dim <= _MOST_DENSE_DIM and "dense" in kernel.metrics
        metric = ("dense" if is_dense else "diagonal") if is_tuned else None
    if metric is not None:
        start = np.ones(dim) if given is None else np.asarray(given)
        if metric == "dense" and start.ndim == 1:
            start = np.diag(start)
        if metric == "diagonal" and start.ndim == 2:
            start = np.diag(start).copy()
        kernel = dataclasses.replace(kernel, inverse_mass_matrix=start)
    return kernel, Tuning(target, metric)


def _as_target(kernel: Kernel, dim: int, target: float | None) -> float | None:
    if target is None:
        return kernel.acceptance_rate_to_aim_at(dim)
    example = "target_acceptance_rate=0.8"
    check_above("target_acceptance_rate", target, 0.0, "a number between 0 and 1", example)
    check_share("target_acceptance_rate", target, example)
    if kernel.target_acceptance_rate is None:
        raise ValueError(
            f"target_acceptance_rate must be None for {type(kernel).__name__}, which has no step "
            f"size to tune, got {short(target)}: write target_acceptance_rate=None."
        )
    return target


def run_windows(
    runner: Any,
    kernel: Any,
    positions: jax.Array,
    rng_key: jax.Array,
    n_steps: int,
    tuning: Tuning,
    on_steps: Callable[[int], None],
) -> Tuned:
    """Take `n_steps`, and tune the kernel between windows of them.

    Step sizes by dual averaging, one update a window; a metric at the end of each slow phase, from
    the draws of that phase and the gradients there. Chains share what is tuned.

    Raises:
        ValueError: no step size is accepted as often as is aimed at.
    """
    target = tuning.target_acceptance_rate
    rows = []
    longest, kept = 0, None
    evidence = Evidence.none(len(positions))
    if target is not None:
        kernel = _search(runner, kernel, positions, rng_key, target, is_required=True)
    for phase in phases(n_steps, target is not None, tuning.metric is not None):
        averaging = None
        if target is not None:
            averaging = DualAveraging.start(float(kernel.step_size), target)
        stride = -(-sum(phase.windows) // _KEPT_STEPS)
        parts: list[Kept] = []
        for size in phase.windows:
            rates = []
            for segment in runner.run(kernel, positions, rng_key, evidence.n_steps, size):
                positions = segment.last
                parts.append(Kept.of(segment, stride))
                rates.append(segment.stats["acceptance_rate"])
                evidence = evidence.add(segment)
                on_steps(segment.positions.shape[1])
            rate = pooled_rate(np.concatenate(rates, axis=1))
            rows.append((size, float(getattr(kernel, "step_size", math.nan)), rate, False))
            if averaging is not None:
                averaging = averaging.update(rate)
                kernel = with_step_size(kernel, math.exp(averaging.log_step_size))
        if averaging is not None:
            kernel = with_step_size(kernel, math.exp(averaging.averaged_log_step_size))
        of_phase = Kept.joined(parts)
        if sum(phase.windows) > longest:
            longest, kept = sum(phase.windows), of_phase
        if phase.updates_metric and target is not None:
            rows[-1] = (*rows[-1][:3], True)
            kernel = _with_metric(runner.logdensity, kernel, of_phase)
            runner = runner.adapted_to(kernel)
            kernel = _search(runner, kernel, positions, rng_key, target, is_required=False)
    assert kept is not None
    sizes, step_sizes, acceptance_rates, updates = map(np.array, zip(*rows, strict=True))
    report = WarmupReport(
        n_steps=sizes,
        step_size=step_sizes,
        acceptance_rate=acceptance_rates,
        metric_updates=updates,
        sweeps=evidence.sweeps,
        sequential_steps=evidence.sequential_steps,
        outcome=evidence.outcome,
    )
    return Tuned(runner, kernel, positions, report, kept)


def _search(
    runner: Any,
    kernel: Any,
    positions: jax.Array,
    rng_key: jax.Array,
    target: float,
    is_required: bool,
) -> Any:
    """The kernel with a step size that is roughly right."""

    def is_too_small(step_size: float) -> bool:
        trial = with_step_size(kernel, step_size)
        segment = runner.probe(trial, positions, rng_key, _PROBE_STEPS)
        return pooled_rate(segment.stats["acceptance_rate"]) > target

    found = reasonable_step_size(float(kernel.step_size), is_too_small)
    if found is not None:
        return with_step_size(kernel, found)
    if not is_required:
        return kernel
    raise ValueError(
        f"the acceptance rate at x0 does not cross {target} for any step size near "
        f"{kernel.step_size:.1g}, so none can be tuned: check that the log density can be "
        f"normalised and is smooth at x0, or write kernel=pmcmc.{type(kernel).__name__}"
        f"(step_size=...) with n_warmup=0.{scale_hint(positions)}"
    )


def _with_metric(logdensity: FlatLogDensity, kernel: Any, kept: Kept) -> Any:
    """The kernel with a metric estimated from the steps of a phase.

    Where the gradients there are known the estimate does not depend on the distribution of the
    draws, and repeats of rejected steps would only be evaluated again. Where none is finite,
    evaluated in a batch, the draws alone have to do.
    """
    draws = kept.positions[kept.is_accepted] if kernel.uses_gradient else kept.positions
    draws = draws.reshape(-1, draws.shape[-1])
    before = np.asarray(kernel.inverse_mass_matrix, float)
    draws = draws[np.isfinite(draws).all(axis=1)]
    gradients = None
    if kernel.uses_gradient and len(draws):
        size = max(_GRADIENTS, _GRADIENTS_PER_DIM * len(before) if before.ndim == 2 else 0)
        draws = draws[np.linspace(0, len(draws) - 1, min(size, len(draws))).astype(int)]
        gradients = _gradients(logdensity, draws, size)
        is_finite = np.isfinite(gradients).all(axis=1)
        if is_finite.any():
            draws, gradients = draws[is_finite], gradients[is_finite]
        else:
            gradients = None
    if len(draws) < 2:
        return kernel
    estimate = diagonal_estimate if before.ndim == 1 else dense_estimate
    metric = estimate(draws.astype(float), gradients, before)
    # In units of a good metric lengths are about 1, whatever they were before.
    return dataclasses.replace(kernel, inverse_mass_matrix=metric, step_size=1.0)


def _gradients(logdensity: FlatLogDensity, rows: np.ndarray, size: int) -> np.ndarray:
    """Gradients at the rows `(n, D)`, by a program for `size` of them."""
    padded = np.concatenate([rows, np.repeat(rows[:1], size - len(rows), axis=0)])
    return np.asarray(_all_gradients(logdensity, jnp.asarray(padded)), float)[: len(rows)]


@jit_of_function()
def _all_gradients(logdensity: FlatLogDensity, positions: jax.Array) -> jax.Array:
    return jax.vmap(jax.grad(logdensity))(positions)
