"""Coordinates in which evaluations have unit scale in all directions."""

from typing import NamedTuple

import numpy as np

_ROWS_PER_DIM = 5
_LEAST_SPREAD = 1e-6  # of a direction relative to the others, with coordinates scaled to sd 1


class Whitening(NamedTuple):
    """Coordinates `z = matrix @ (x - center)`.

    Args:
        center: shape `(D,)`.
        matrix: shape `(D, D)`.
        inverse: inverse of `matrix`.
    """

    center: np.ndarray
    matrix: np.ndarray
    inverse: np.ndarray

    def enter(self, rows: np.ndarray) -> np.ndarray:
        """Rows `(n, D)` in these coordinates."""
        return (rows - self.center) @ self.matrix.T

    def enter_gradients(self, rows: np.ndarray) -> np.ndarray:
        """Gradients `(n, D)` with respect to these coordinates."""
        return rows @ self.inverse


def whitening_of(rows: np.ndarray, weight: np.ndarray) -> Whitening:
    """Coordinates in which the heaviest rows of `(n, D)` have mean 0 and identity covariance.

    The heaviest rows have at least half the largest weight. If they are too few for a covariance,
    the next ones count too.

    Raises:
        ValueError: the heaviest rows do not spread in all directions.
    """
    n_heavy = np.count_nonzero(weight >= weight.max() / 2)
    n_typical = min(max(n_heavy, _ROWS_PER_DIM * rows.shape[1]), len(rows))
    typical = rows[np.argsort(-weight, kind="stable")[:n_typical]]
    center, spread = typical.mean(axis=0), typical.std(axis=0)
    magnitude = np.abs(typical).max(axis=0)
    constant = np.flatnonzero(~(spread > 1e-12 * np.maximum(magnitude, np.finfo(float).tiny)))
    if constant.size:
        raise ValueError(
            f"positions must spread in all coordinates, got the same number in coordinate "
            f"{constant[0]}: evaluate other positions too, or leave that coordinate out."
        )
    values, vectors = np.linalg.eigh(np.corrcoef(typical.T).reshape(len(spread), -1))
    if values[0] < _LEAST_SPREAD**2 * values[-1]:
        raise ValueError(
            "positions must spread in all directions, got collinear ones: evaluate other positions "
            "too."
        )
    inverse = spread[:, None] * vectors * np.sqrt(values)
    return Whitening(center, (vectors / np.sqrt(values)).T / spread, inverse)
