"""The length of trajectories along a surrogate, and their number of leapfrog steps."""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from pmcmc._adaptation.rows import spaced
from pmcmc.surrogates.on_host import values_and_slopes

_QUARTER = math.pi / 2  # of a period: the next draw of a standard normal is independent
_STEPS = (3, 4, 5, 6, 8, 12, 16)  # in a quarter
_LEAST_RATE = 0.96  # acceptance rate with the surrogate itself as the target
_LONGEST = 2  # in quarters
_REST = 4  # what a step of the chain costs besides, in gradients of the surrogate: few, if cheap
_DRAWS = 512


def with_trajectory(kernel: Any, positions: np.ndarray) -> Any:
    """The kernel with trajectories that make the most of the gradients of its surrogate.

    This needs no evaluations of the exact log density: the step size does not change the error of
    the surrogate, and the length hardly does once ends are nearly independent of starts. The step
    size is the largest of a few with which a quarter of a period follows the surrogate closely
    enough, or the best of them. The period is that of the normal whose covariance is the inverse
    mass matrix. Where tails are heavier, longer trajectories forget their starts better: as many
    steps are taken as are worth their cost.

    Args:
        kernel: with a polynomial surrogate and a metric.
        positions: draws to start from, shape `(n, D)`.
    """
    rows = positions[spaced(len(positions), _DRAWS)].astype(float)
    rng = np.random.default_rng(0)
    momenta, jitter = rng.normal(size=rows.shape), rng.random((len(rows), 1))
    best, rate = kernel, -math.inf
    points: Iterator[tuple[np.ndarray, np.ndarray]] = iter(())
    for n_steps in _STEPS:
        trial = dataclasses.replace(
            kernel, num_integration_steps=n_steps, step_size=_QUARTER / n_steps
        )
        path = trajectories(trial, rows, momenta, jitter)
        quarter = next(itertools.islice(path, n_steps - 1, None))
        seen = float(np.mean(acceptance_rates(kernel.surrogate, rows, momenta, *quarter)))
        if seen > rate:
            rate, best, points = seen, trial, itertools.chain([quarter], path)
        if rate >= _LEAST_RATE:
            break
    least = best.num_integration_steps
    longer = enumerate(itertools.islice(points, (_LONGEST - 1) * least + 1), least)
    worth = [efficiency(rows, ends) / (n_steps + _REST) for n_steps, (ends, _) in longer]
    return dataclasses.replace(best, num_integration_steps=least + int(np.argmax(worth)))


def efficiency(starts: np.ndarray, ends: np.ndarray) -> float:
    """Effective draws per draw, judged by the correlation `r` with the next: `(1 - r) / (1 + r)`.

    The smallest among all coordinates, and among their distances from the median, by which tails
    are judged (Vehtari et al., 2021, "Rank-normalization, folding, and localization").

    Args:
        starts: draws, shape `(n, D)`.
        ends: the draws after them, shape `(n, D)`.
    """
    center = np.median(starts, axis=0)
    before, after = starts - center, np.where(np.isfinite(ends), ends, starts) - center
    before = np.concatenate([before, np.abs(before)], axis=1)
    after = np.concatenate([after, np.abs(after)], axis=1)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        jumps = np.mean((after - before) ** 2, axis=0) / before.var(axis=0)  # 2 - 2 * correlation
    if not (jumps < 4).all():  # ends spread more than draws do, or draws are all the same
        return 0.0
    return float(np.min(jumps / (4 - jumps)))


def acceptance_rates(
    surrogate: Any,
    starts: np.ndarray,
    momenta: np.ndarray,
    ends: np.ndarray,
    momenta_at_ends: np.ndarray,
) -> np.ndarray:
    """Acceptance rates of trajectories with the surrogate itself as the target, shape `(n,)`.

    Args:
        surrogate: a polynomial surrogate.
        starts: starts of the trajectories, shape `(n, D)`.
        momenta: scaled momenta there, shape `(n, D)`.
        ends: ends of the trajectories, shape `(n, D)`.
        momenta_at_ends: scaled momenta there, shape `(n, D)`.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        gained = values_and_slopes(surrogate, ends)[0] - values_and_slopes(surrogate, starts)[0]
        lost = np.sum(momenta**2 - momenta_at_ends**2, axis=1) / 2
        rates = np.exp(np.minimum(gained + lost, 0.0))
    return np.asarray(np.where(np.isnan(rates), 0.0, rates))


def trajectories(
    kernel: Any, positions: np.ndarray, momenta: np.ndarray, jitter: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions and scaled momenta, of shape `(n, D)`, after 1, 2, ... leapfrog steps.

    Momenta are scaled so that their draws are standard ones. In NumPy: compiling a program would
    take longer than the trajectories.

    Args:
        kernel: with a polynomial surrogate.
        positions: starts of the trajectories, shape `(n, D)`.
        momenta: scaled momenta there, shape `(n, D)`.
        jitter: uniform draws for the step size, shape `(n, 1)`.
    """
    root = np.linalg.cholesky(_as_matrix(kernel.inverse_mass_matrix, positions.shape[1]))
    step_size = kernel.step_size * (1 + kernel.jitter * (2 * jitter - 1))
    half = step_size / 2 * momenta @ root.T
    while True:
        with np.errstate(over="ignore", invalid="ignore"):
            positions = positions + half
            slope = values_and_slopes(kernel.surrogate, positions)[1]
            momenta = momenta + step_size * (slope @ root)
            half = step_size / 2 * momenta @ root.T
            positions = positions + half
        yield positions, momenta


def _as_matrix(inverse_mass_matrix: Any, dim: int) -> np.ndarray:
    if inverse_mass_matrix is None:
        return np.eye(dim)
    given = np.asarray(inverse_mass_matrix, float)
    return np.diag(given) if given.ndim == 1 else given
