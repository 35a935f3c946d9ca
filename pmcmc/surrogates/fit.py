"""Fitting a polynomial to evaluations of a log density."""

import math
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from pmcmc._util.checks import short
from pmcmc.surrogates.degree import (
    GOOD_ENOUGH,
    choose_degree,
    degrees_to_try,
    error_of_choice,
    limit_of_degree,
    mean_error,
)
from pmcmc.surrogates.monomials import (
    as_table,
    degrees_of,
    design,
    n_monomials,
    slopes,
)
from pmcmc.surrogates.polynomial import PolynomialSurrogate
from pmcmc.surrogates.whitening import Whitening, whitening_of

MOST_DIM = max(dim for dim in range(100) if degrees_of(dim))
_MOST_EQUATIONS_PER_TERM = 15  # including held-out ones
_CHEAP_NUMBERS = 1e7  # numbers in the equations, 80 MB; so many may always be used
_HELD_OUT, _LEAST_HELD_OUT = 0.2, 2
_RIDGE = 1e-9
_OF_USE = 0.03  # weight above which an evaluation is in the typical set or its tails
_TRUSTED = 0.999  # of these, the radius covers this share


class Fit(NamedTuple):
    """A polynomial fitted to evaluations of a log density.

    Args:
        surrogate: the polynomial, fitted to all evaluations.
        degree: degree of the polynomial.
        held_out_error: root mean square error at held-out evaluations, in units of the log density;
            evaluations where the density is negligible count less, and errors above 3 count as 3.
            Each half of them is judged with the degree that the other half chooses, so the choice
            does not bias the error.
        n_points: number of evaluations used.
        n_dropped: number of evaluations that were not finite, repeated, or too low to have a
            weight.
        errors: the same error for each degree that was tried, at all held-out evaluations.
        limited_by: why no higher degree was chosen, in words.
    """

    surrogate: PolynomialSurrogate
    degree: int
    held_out_error: float
    n_points: int
    n_dropped: int
    errors: dict[int, float]
    limited_by: str = ""

    def __str__(self) -> str:
        return (
            f"degree {self.degree}, held-out error {self.held_out_error:.2g} in the log density "
            f"({self.n_points:,} evaluations; {self.limited_by})"
        )


class _Points(NamedTuple):
    """Evaluations in whitened coordinates."""

    z: np.ndarray
    value: np.ndarray
    gradient: np.ndarray | None
    weight: np.ndarray

    def take(self, rows: np.ndarray) -> "_Points":
        """Some of the evaluations."""
        gradient = None if self.gradient is None else self.gradient[rows]
        return _Points(self.z[rows], self.value[rows], gradient, self.weight[rows])

    @property
    def equations_per_point(self) -> int:
        """Number of equations for the coefficients per evaluation."""
        return 1 if self.gradient is None else 1 + self.z.shape[1]


class _Normal(NamedTuple):
    """Normal equations of the coefficients; they add up over evaluations."""

    gram: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, points: _Points, degree: int) -> "_Normal":
        """The normal equations of weighted least squares."""
        root = np.sqrt(points.weight)
        rows, right = design(points.z, degree), points.value * root
        rows *= root[:, None]
        if points.gradient is not None:
            of_slopes = slopes(points.z, degree) * root[:, None, None]
            rows = np.concatenate([rows, of_slopes.reshape(-1, rows.shape[1])])
            right = np.concatenate([right, (points.gradient * root[:, None]).ravel()])
        return cls(rows.T @ rows, rows.T @ right)

    def solved(self) -> np.ndarray:
        """Coefficients of the monomials, with a small ridge penalty."""
        scale = np.sqrt(np.diag(self.gram))
        scale = np.where(scale > 0, scale, 1.0)
        gram = self.gram / scale / scale[:, None] + _RIDGE * np.eye(len(scale))
        right = self.right / scale
        # By NumPy's factor: SciPy brings threads of its own, which compete with those of the
        # product before, and `scipy.linalg.solve` also estimates the condition.
        solution = scipy.linalg.cho_solve((np.linalg.cholesky(gram), True), right)
        return np.asarray(solution / scale)


def fit_polynomial(
    positions: Any, logdensity: Any, gradients: Any = None, *, max_degree: int = 6
) -> Fit:
    """Fit a polynomial to evaluations of a log density, by least squares on the host.

    Coordinates are whitened, and errors have less weight where the density is negligible. Among the
    degrees with enough evaluations, it chooses the lowest one whose held-out error is about as
    small as the smallest.

    Args:
        positions: positions of the evaluations, shape `(n, D)`.
        logdensity: values there, shape `(n,)`; values that are not finite, or too low to have a
            weight, are dropped.
        gradients: gradients there, shape `(n, D)`, if known.
        max_degree: 2, 3, 4 or 6.

    Raises:
        ValueError: shapes do not match, or the evaluations are too few for a quadratic, or do not
            spread in all directions.
    """
    x, value, gradient, n_dropped = _usable(positions, logdensity, gradients)
    n_points, dim = x.shape
    degrees = degrees_to_try(n_points, dim, 1 if gradient is None else 1 + dim, max_degree)
    weight = _weights(value, dim)
    whitening = whitening_of(x, weight)
    level = value.max()
    z = whitening.enter(x)
    points = _Points(z, value - level, _entered(whitening, gradient), weight * _leverage(z))
    is_held_out = np.zeros(n_points, bool)
    n_held_out = max(_LEAST_HELD_OUT, math.ceil(_HELD_OUT * n_points))
    chosen = np.random.default_rng(0).permutation(n_points)[:n_held_out]
    is_held_out[chosen] = True
    outside = points.take(is_held_out)
    squares: dict[int, np.ndarray] = {}
    errors: dict[int, float] = {}
    equations: dict[int, _Normal] = {}
    for degree in degrees:
        inside = points.take(_used(points, degree) & ~is_held_out)
        equations[degree] = _Normal.of(inside, degree)
        squares[degree] = _squares(equations[degree].solved(), outside, degree)
        errors[degree] = mean_error(squares[degree], outside.weight)
        if errors[degree] <= GOOD_ENOUGH:
            break
    degree = choose_degree(errors)
    rest = _Normal.of(points.take(_used(points, degree) & is_held_out), degree)
    known = equations[degree]
    together = _Normal(known.gram + rest.gram, known.right + rest.right)
    table = as_table(together.solved(), dim, degree)
    radius = _radius(points)
    surrogate = PolynomialSurrogate(
        degree, whitening.center, whitening.matrix, radius, table, level
    )
    error = error_of_choice(squares, outside.weight)
    most = n_points * points.equations_per_point
    limit = limit_of_degree(degree, errors[degree], degrees, dim, most, max_degree)
    return Fit(surrogate, degree, error, n_points, n_dropped, errors, limit)


def _usable(
    positions: Any, logdensity: Any, gradients: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, int]:
    """Finite evaluations with some weight, without repeats, and the number of dropped ones."""
    x, value = np.asarray(positions, float), np.asarray(logdensity, float)
    gradient = None if gradients is None else np.asarray(gradients, float)
    if x.ndim != 2 or value.shape != x.shape[:1]:
        raise ValueError(
            f"positions and logdensity must have shapes (n, D) and (n,), got {x.shape} and "
            f"{value.shape}: write positions.reshape(-1, D)."
        )
    if gradient is not None and gradient.shape != x.shape:
        raise ValueError(
            f"gradients must have the shape of positions, {x.shape}, got {short(gradient.shape)}: "
            "write gradients=None to do without."
        )
    is_finite = np.isfinite(x).all(axis=1) & np.isfinite(value)
    if gradient is not None:
        is_finite &= np.isfinite(gradient).all(axis=1)
    rows = np.flatnonzero(is_finite)
    rows = rows[np.sort(np.unique(x[rows], axis=0, return_index=True)[1])]
    # Values too low to have a weight would overflow when squared, and zero times infinity is NaN.
    rows = rows[_weights(value[rows], x.shape[1]) > 0] if rows.size else rows
    return x[rows], value[rows], None if gradient is None else gradient[rows], len(x) - len(rows)


def _weights(value: np.ndarray, dim: int) -> np.ndarray:
    """Weights: 1 where a normal target in `dim` dimensions has its mass, decreasing below it."""
    depth = value.max() - value
    usual = dim / 2 + 2 * math.sqrt(dim / 2)
    return np.asarray(np.minimum(1.0, (usual / np.maximum(depth, usual)) ** 3))


def _leverage(z: np.ndarray) -> np.ndarray:
    """Weights: 1 where a normal has its mass, less beyond, where high powers would dominate."""
    dim = z.shape[1]
    reach = np.linalg.norm(z, axis=1) / (math.sqrt(dim) + 2)
    return np.asarray(np.maximum(reach, 1.0) ** -8)


def _radius(points: _Points) -> float:
    """Distance from the center within which nearly all density that is not negligible lies."""
    distance = np.linalg.norm(points.z, axis=1)
    is_of_use = points.weight > _OF_USE
    return float(np.quantile(distance[is_of_use], _TRUSTED))


def _entered(whitening: Whitening, gradient: np.ndarray | None) -> np.ndarray | None:
    return None if gradient is None else whitening.enter_gradients(gradient)


def _used(points: _Points, degree: int) -> np.ndarray:
    """Which evaluations to use: all, or as many as are affordable, at random among those of use.

    With only those of the largest weights, there would be nothing in the tails.
    """
    n_points, dim = points.z.shape
    n_terms = n_monomials(dim, degree)
    n_equations = max(_MOST_EQUATIONS_PER_TERM * n_terms, _CHEAP_NUMBERS / n_terms)
    most = math.ceil(n_equations / points.equations_per_point)
    shuffled = np.random.default_rng(1).permutation(n_points)
    is_useless = points.weight[shuffled] <= _OF_USE
    order = shuffled[np.argsort(is_useless, kind="stable")]
    is_used = np.zeros(n_points, bool)
    is_used[order[:most]] = True
    return is_used


def _squares(coefficients: np.ndarray, points: _Points, degree: int) -> np.ndarray:
    """Squared errors of the values."""
    return np.asarray((design(points.z, degree) @ coefficients - points.value) ** 2)
