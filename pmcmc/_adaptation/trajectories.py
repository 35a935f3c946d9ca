"""The length of trajectories along a surrogate, and their number of leapfrog steps."""

import dataclasses
import math
from typing import Any

import numpy as np

from pmcmc.surrogates.on_host import values_and_slopes

_QUARTER = math.pi / 2  # quarter of a period for a standard normal: the next draw is independent
_STEPS = (4, 6, 8, 12, 16)
_LEAST_RATE = 0.95  # acceptance rate with the surrogate itself as the target
_DRAWS = 256


def with_trajectory(kernel: Any, positions: np.ndarray) -> Any:
    """The kernel with the fewest leapfrog steps that follow its surrogate closely enough.

    The error of the surrogate does not depend on the step size, so this needs no evaluations of the
    exact log density. Trajectories have the length of a quarter of a period for the normal whose
    covariance is the inverse mass matrix.

    Args:
        kernel: with a polynomial surrogate and a metric.
        positions: draws to start from, shape `(n, D)`.
    """
    rows = positions[np.linspace(0, len(positions) - 1, _DRAWS).astype(int)].astype(float)
    rng = np.random.default_rng(0)
    normal, jitter = rng.normal(size=rows.shape), rng.random((len(rows), 1))
    best, rate = kernel, -math.inf
    for n_steps in _STEPS:
        trial = dataclasses.replace(
            kernel, num_integration_steps=n_steps, step_size=_QUARTER / n_steps
        )
        seen = float(np.mean(acceptance_rates(trial, rows, normal, jitter)))
        if seen > rate:
            best, rate = trial, seen
        if rate >= _LEAST_RATE:
            break
    return best


def acceptance_rates(
    kernel: Any, positions: np.ndarray, normal: np.ndarray, jitter: np.ndarray
) -> np.ndarray:
    """Acceptance rates of trajectories with the surrogate itself as the target, shape `(n,)`.

    In NumPy: compiling a program would take longer than the trajectories.

    Args:
        kernel: with a polynomial surrogate.
        positions: starts of the trajectories, shape `(n, D)`.
        normal: standard draws for the momenta, shape `(n, D)`.
        jitter: uniform draws for the step size, shape `(n, 1)`.
    """
    covariance = _as_matrix(kernel.inverse_mass_matrix, positions.shape[1])
    step_size = kernel.step_size * (1 + kernel.jitter * (2 * jitter - 1))
    momentum = np.linalg.solve(np.linalg.cholesky(covariance).T, normal.T).T
    with np.errstate(over="ignore", invalid="ignore"):
        value, slope = values_and_slopes(kernel.surrogate, positions)
        energy = value - 0.5 * np.sum((momentum @ covariance) * momentum, axis=1)
        for _ in range(kernel.num_integration_steps):
            momentum = momentum + step_size / 2 * slope
            positions = positions + step_size * momentum @ covariance
            value, slope = values_and_slopes(kernel.surrogate, positions)
            momentum = momentum + step_size / 2 * slope
        energy_at_end = value - 0.5 * np.sum((momentum @ covariance) * momentum, axis=1)
        rates = np.exp(np.minimum(energy_at_end - energy, 0.0))
    return np.asarray(np.where(np.isnan(rates), 0.0, rates))


def _as_matrix(inverse_mass_matrix: Any, dim: int) -> np.ndarray:
    if inverse_mass_matrix is None:
        return np.eye(dim)
    given = np.asarray(inverse_mass_matrix, float)
    return np.diag(given) if given.ndim == 1 else given
