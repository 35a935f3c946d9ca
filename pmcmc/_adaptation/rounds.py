"""Warm-up of kernels that move along a surrogate, refitted in rounds to all evaluations so far."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._adaptation.criteria.base import with_tuned
from pmcmc._adaptation.estimates import for_precision, metric_of_draws
from pmcmc._adaptation.report import Record, WarmupReport
from pmcmc._adaptation.rows import Rows, joined, rows_of, spaced
from pmcmc._adaptation.stationarity import rhat
from pmcmc._adaptation.trajectories import with_trajectory
from pmcmc._chain.evidence import Evidence
from pmcmc._chain.fitting import Fitting
from pmcmc._chain.problem import with_dtype
from pmcmc._chain.segment import Segment
from pmcmc._util.callers import warn_user
from pmcmc.surrogates import Fit
from pmcmc.surrogates.on_host import values_and_slopes

ROUNDS = 3
_SHORT_ROUNDS, _FEWEST_STEPS = 12, 20  # in as many steps, where chains have not arrived yet
_POOR_ERROR = 1.0  # in the log density; such errors alone limit acceptance to erfc(1 / 2) = 0.48
_POOR_RATE, _POOR_SHARE = 0.5, 0.3  # below this rate, more of the proposals are random walks
_GOOD_ERROR, _GOOD_SHARE = 0.1, 0.05  # below this error in the log density, fewer are needed
_USELESS_RATE, _LONG_STANDSTILL = 0.3, 100
_KEPT_STEPS = 1000
_METRIC_DRAWS = 1000
_MOST_R_HAT = 1.2  # of chains that agree, judged by about 500 draws of each
_RANKED = 500
_SAID_AFTER = 100  # steps of the last round: after fewer, R-hat may be high by chance


class Rounds(NamedTuple):
    """The result of the rounds; see `pmcmc._adaptation.windows.Tuned`."""

    kernel: Any
    positions: jax.Array
    report: WarmupReport
    kept: Rows


def fitted(
    kernel: Any,
    fitting: Fitting,
    positions: np.ndarray,
    tunes_metric: bool,
    arrived: bool = False,
) -> Any:
    """The kernel with a surrogate fitted to all evaluations, and trajectories chosen for it.

    Args:
        kernel: with a metric.
        fitting: holds the evaluations.
        positions: draws, shape `(n, D)`.
        tunes_metric: whether to estimate the metric again, too.
        arrived: whether the draws are about those of the target.

    Raises:
        ValueError: there are too few evaluations.
    """
    try:
        fit = fitting.refit()
    except ValueError as error:
        raise ValueError(
            f"the warm-up has too few evaluations: {error} Or raise n_warmup."
        ) from error
    kernel = dataclasses.replace(kernel, surrogate=fit.surrogate)
    if tunes_metric:
        kernel = _with_metric(kernel, positions, arrived)
    return with_dtype(with_trajectory(kernel, positions), positions.dtype)


def run_rounds(
    runner: Any,
    kernel: Any,
    positions: jax.Array,
    rng_key: jax.Array,
    first_step: int,
    n_steps: int,
    fitting: Fitting,
    on_segment: Callable[[Segment], None],
    tunes_metric: bool,
) -> Rounds:
    """Take `n_steps` along a surrogate in rounds, and refit it between them.

    A round ends early if chains have not arrived: each fit takes them several times as far as the
    one before. There is no fit after the last round, so its statistics describe the final
    surrogate.

    Args:
        runner: of the chains.
        kernel: with a first surrogate.
        positions: starts, shape `(chain, D)`.
        rng_key: of the noise.
        first_step: number of the first step.
        n_steps: number of steps of each chain.
        fitting: the runner adds its evaluations here.
        on_segment: called with each segment of steps.
        tunes_metric: whether to estimate the metric again, too.
    """
    record, evidence = Record(), Evidence.none(len(positions))
    given = kernel.random_walk_share
    stride = max(1, -(-n_steps // _KEPT_STEPS))
    whole = -(-n_steps // ROUNDS)
    short = min(whole, max(-(-n_steps // _SHORT_ROUNDS), _FEWEST_STEPS))
    n_left = n_steps
    while n_left:
        segments: list[Segment] = []
        is_last = 2 * n_left <= 3 * whole
        for size in (n_left,) if is_last else (short, whole - short):
            for segment in runner.run(kernel, positions, rng_key, first_step, size):
                segments.append(segment)
                positions = segment.last
                evidence = evidence.add(segment)
                on_segment(segment)
            first_step, n_left = first_step + size, n_left - size
            accepted = np.concatenate([s.stats["is_accepted"] for s in segments], axis=1)
            draws = np.concatenate([s.positions for s in segments], axis=1)
            arrived = have_arrived(accepted, draws)
            if not arrived:
                break
        rate = float(accepted.mean())
        # Of the last round: before it, chains may not have arrived.
        kept = joined([rows_of(segment, ("logdensity",), stride) for segment in segments])
        record.add_window(accepted.shape[1], kernel, rate)
        _take_note(record, fitting.fit, kernel, accepted, is_last, arrived)
        if not is_last:
            draws = draws.reshape(-1, draws.shape[-1])
            before = kernel.inverse_mass_matrix
            kernel = fitted(kernel, fitting, draws, tunes_metric, arrived)
            if kernel.inverse_mass_matrix is not before:
                n_draws = len(draws) if arrived else min(len(draws), _METRIC_DRAWS)
                _note_metric(record, kernel, n_draws, arrived)
            assert fitting.fit is not None
            share = random_walk_share(given, fitting.fit.held_out_error, rate)
            kernel = with_tuned(kernel, random_walk_share=share)
            runner.adapt_to(kernel)
    return Rounds(kernel, positions, record.report(evidence), kept)


def _with_metric(kernel: Any, draws: np.ndarray, arrived: bool) -> Any:
    """The kernel with a metric from draws `(n, D)`.

    If they come from the target, it is their covariance. If not, the gradients of the surrogate
    there know better.
    """
    before = np.asarray(kernel.inverse_mass_matrix)
    gradients = None
    if not arrived:
        n_draws = min(_METRIC_DRAWS, len(draws))
        draws = draws[spaced(len(draws), n_draws)].astype(float)
        with np.errstate(all="ignore"):
            gradients = values_and_slopes(kernel.surrogate, draws)[1]
        draws, gradients = (x[np.isfinite(gradients).all(axis=1)] for x in (draws, gradients))
    found = metric_of_draws(draws, gradients, before.astype(float))
    if found is None:
        return kernel
    return with_tuned(kernel, inverse_mass_matrix=for_precision(found, before.dtype))


def _note_metric(record: Record, kernel: Any, n_draws: int, arrived: bool) -> None:
    kind = "diagonal" if np.ndim(kernel.inverse_mass_matrix) == 1 else "dense"
    words = f"a {kind} metric from {n_draws:,} draws"
    words += "" if arrived else " and the gradients of the surrogate there"
    record.add_note("inverse_mass_matrix", True, words, {"n_draws": float(n_draws)})


def _take_note(
    record: Record,
    fit: Fit | None,
    kernel: Any,
    accepted: np.ndarray,
    is_last: bool,
    arrived: bool,
) -> None:
    """Record how well the surrogate did, and warn if it is useless or was not given enough time."""
    assert fit is not None
    rate, standstill = float(accepted.mean()), longest_standstill(accepted)
    words = (
        f"a surrogate of {fit}: {rate:.0%} of the proposals accepted, the longest standstill "
        f"{standstill:,} steps"
    )
    figures = {
        "degree": float(fit.degree),
        "held_out_error": fit.held_out_error,
        "acceptance_rate": rate,
        "longest_standstill": float(standstill),
        "random_walk_share": float(kernel.random_walk_share),
    }
    problem = ""
    if is_last and is_poor(figures):
        problem = "; it is a poor guide to this log density: write kernel='hmc', or 'mala'"
    elif is_last and not arrived and accepted.shape[1] >= _SAID_AFTER:
        problem = "; the chains have not settled yet: take a longer warm-up, or start closer"
    words += problem
    if problem:
        warn_user(f"kernel='surrogate_hmc' found {words}")
    record.add_note("surrogate", True, words, figures)


def random_walk_share(given: Any, held_out_error: float, acceptance_rate: float) -> Any:
    """The share of random-walk proposals: they only help where the surrogate is not good.

    Args:
        given: the share in the user's kernel.
        held_out_error: of the surrogate, in the log density.
        acceptance_rate: of the steps so far.
    """
    if acceptance_rate < _POOR_RATE:
        return _POOR_SHARE
    return min(given, _GOOD_SHARE) if held_out_error < _GOOD_ERROR else given


def have_arrived(accepted: np.ndarray, draws: np.ndarray) -> bool:
    """Whether chains seem to be in the bulk of the target, and agree on it.

    A few steps only show whether proposals are accepted.

    Args:
        accepted: shape `(chain, step)`.
        draws: shape `(chain, step, D)`.
    """
    n_steps = draws.shape[1]
    if accepted.mean() < _USELESS_RATE or n_steps < _FEWEST_STEPS:
        return bool(accepted.mean() >= _USELESS_RATE)
    return bool(rhat(draws[:, :: -(-n_steps // _RANKED)]).max() <= _MOST_R_HAT)


def is_poor(figures: dict[str, float]) -> bool:
    """Whether a surrogate makes few good proposals, by the figures of its note."""
    is_rejected = figures["acceptance_rate"] < _USELESS_RATE
    is_far = figures["held_out_error"] > _POOR_ERROR
    return is_rejected or is_far or figures["longest_standstill"] >= _LONG_STANDSTILL


def longest_standstill(accepted: np.ndarray) -> int:
    """The largest number of steps in a row in which a chain rejected its proposal.

    Args:
        accepted: shape `(chain, step)`.
    """
    longest = 0
    for row in accepted:
        moves = np.flatnonzero(np.concatenate([[True], row, [True]]))
        longest = max(longest, int(np.diff(moves).max()) - 1)
    return longest
