"""A metric from values of the log density, for when gradients are not available."""

import numpy as np

from pmcmc.surrogates import fit_polynomial

_MOST_ERROR = 0.5  # of a quadratic fit, in units of the log density
_LEAST_CURVATURE = 0.25  # relative to that error; directions in units of the draws' spread


def metric_of_values(draws: np.ndarray, values: np.ndarray) -> np.ndarray | None:
    """Inverse mass matrix `(D, D)` of a quadratic fitted to values; `None` if the fit is poor.

    For a normal target it is the covariance, even if the draws have not explored all directions
    yet. A random walk on correlated numbers takes long to do that.

    Args:
        draws: shape `(n, D)`; repeats are ignored.
        values: log densities there, shape `(n,)`.
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
