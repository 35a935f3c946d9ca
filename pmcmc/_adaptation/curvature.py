"""A metric from values of the log density, where no gradient is to be taken."""

import numpy as np

from pmcmc.surrogates import fit_polynomial

_MOST_ERROR = 0.5  # of a quadratic, in the log density
_LEAST_CURVATURE = 0.25  # beside that error, of a direction in units of the spread of the draws


def metric_of_values(draws: np.ndarray, values: np.ndarray) -> np.ndarray | None:
    """Inverse mass matrix `(D, D)` of a quadratic fitted to values; `None` where that says nothing.

    For a normal target it is the covariance, however few of its directions the draws have been
    along: a random walk has not, for long, where numbers are correlated.

    Args:
        draws: shape `(n, D)`; repeats do not count.
        values: of the log density there, shape `(n,)`.
    """
    try:
        fit = fit_polynomial(draws, values, max_degree=2)
    except ValueError:  # too few, or in too few directions
        return None
    curvature = -2 * np.asarray(fit.surrogate.table)[1:, 1:]
    least = np.linalg.eigvalsh(curvature)[0]
    if fit.held_out_error > _MOST_ERROR or least <= _LEAST_CURVATURE * fit.held_out_error:
        return None
    whitening = np.asarray(fit.surrogate.whitening)
    found = np.linalg.inv(whitening.T @ curvature @ whitening)
    return np.asarray((found + found.T) / 2)
