"""Estimates of a metric from draws, and from the gradients there.

For a normal target with covariance `S`, the gradient at `x` is `-S^-1 (x - mean)`. Draws with
covariance `V` then have gradients with covariance `W = S^-1 V S^-1`, and the geometric mean of `V`
and `W^-1` is `S`. This holds for any distribution of the draws, also far from stationarity, which
makes it a good estimate during a warm-up. Seyboldt, Carlson & Carpenter ("Preconditioning
Hamiltonian Monte Carlo by minimizing Fisher divergence", 2026) arrive at the same matrix.
"""

from typing import Any

import numpy as np

_PRIOR_DRAWS = 5.0  # the previous estimate counts as this many draws
_RIDGE = 1e-3
_ROUNDINGS = 4.0  # times D and eps: smaller eigenvalues of a correlation matrix may be rounding
_LEAST_PLACES = 3  # distinct draws; with fewer, the scale of a direction is only rounding


def diagonal_estimate(
    draws: np.ndarray, gradients: np.ndarray | None, before: np.ndarray
) -> np.ndarray:
    """Diagonal of an inverse mass matrix, shape `(D,)`.

    Args:
        draws: shape `(n, D)`.
        gradients: of the log density there; `None` for the variances of the draws.
        before: the estimate so far, shape `(D,)`.
    """
    with np.errstate(all="ignore"):
        estimate = draws.var(axis=0)
        if gradients is not None:
            estimate = np.sqrt(estimate / gradients.var(axis=0))
        weight = len(draws) / (len(draws) + _PRIOR_DRAWS)
        mixed = np.exp(weight * np.log(estimate) + (1 - weight) * np.log(before))
    return np.where(np.isfinite(mixed) & (mixed > 0), mixed, before)


def dense_estimate(
    draws: np.ndarray, gradients: np.ndarray | None, before: np.ndarray
) -> np.ndarray:
    """Inverse mass matrix, shape `(D, D)`.

    Directions without information in the draws keep their scale in `before`, relative to the
    others. A small number of draws changes little.

    Args:
        draws: shape `(n, D)`.
        gradients: of the log density there; `None` for the covariance of the draws.
        before: the estimate so far, shape `(D, D)`.
    """
    n_draws, dim = draws.shape
    factor = np.linalg.cholesky(before)
    centered = np.linalg.solve(factor, (draws - draws.mean(axis=0)).T).T  # before is the identity
    pull = None if gradients is None else (gradients - gradients.mean(axis=0)) @ factor
    # First the scales, which may differ by orders of magnitude, then the correlations.
    scale = np.sqrt(diagonal_estimate(centered, pull, np.ones(dim)))
    with np.errstate(all="ignore"):
        spread, level = _second_moments(centered / scale)
        if pull is None:
            weight = n_draws / (n_draws + dim + _PRIOR_DRAWS)
            estimate = weight * spread + (1 - weight) * np.eye(dim)
        else:
            of_gradients, strength = _second_moments(pull * scale)
            share = _PRIOR_DRAWS / (n_draws + _PRIOR_DRAWS) * min(1.0, dim / n_draws)
            ridge = (_RIDGE + share) * np.eye(dim)
            estimate = _geometric_mean(spread + ridge, of_gradients + ridge)
            level = np.sqrt(level / strength)
        estimate *= level
    factor *= scale
    found = factor @ estimate @ factor.T
    found = (found + found.T) / 2
    is_valid = np.isfinite(found).all() and np.linalg.eigvalsh(found)[0] > 0
    return found if is_valid else before


def metric_of_draws(
    draws: np.ndarray, gradients: np.ndarray | None, before: np.ndarray
) -> np.ndarray | None:
    """Inverse mass matrix of the kind of `before` from draws `(n, D)`; `None` if they hardly move.

    Args:
        draws: shape `(n, D)`.
        gradients: of the log density there, shape `(n, D)`, if known.
        before: the estimate so far, shape `(D,)` or `(D, D)`.
    """
    if len(np.unique(draws, axis=0)) < _LEAST_PLACES:
        return None
    estimate = diagonal_estimate if before.ndim == 1 else dense_estimate
    return estimate(draws.astype(float), gradients, before)


def for_precision(metric: np.ndarray, dtype: Any) -> np.ndarray:
    """The metric; its diagonal is raised if it has no Cholesky factor after rounding to `dtype`.

    A target can be nearly flat in some directions, for example if the data determine only the sum
    of two parameters. Their scales may then differ by more than float32 can represent.

    Args:
        metric: shape `(D,)` or `(D, D)`.
        dtype: the dtype that it will have.
    """
    if metric.ndim == 1:
        return metric
    scale = np.sqrt(np.diag(metric))
    least = np.linalg.eigvalsh(metric / np.outer(scale, scale))[0]
    needed = _ROUNDINGS * len(metric) * np.finfo(dtype).eps
    return metric if least >= needed else metric + np.diag((needed - least) * scale**2)


def _second_moments(vectors: np.ndarray) -> tuple[np.ndarray, float]:
    """Second moments of the rows `(n, D)`, in units of their mean, and that mean."""
    moments = vectors.T @ vectors / len(vectors)
    level = np.trace(moments) / len(moments)
    return moments / level, level


def _geometric_mean(first: np.ndarray, inverse_of_second: np.ndarray) -> np.ndarray:
    """The matrix `X` with `X @ inverse_of_second @ X = first`; NaN where there is none."""
    if not (np.isfinite(first).all() and np.isfinite(inverse_of_second).all()):
        return np.full_like(first, np.nan)
    root = _power(first, 0.5)
    return root @ _power(root @ inverse_of_second @ root, -0.5) @ root


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """Power of a positive definite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * values**exponent @ vectors.T
