"""A polynomial surrogate at many positions in NumPy, which saves compiling for a single use."""

import numpy as np

from pmcmc.surrogates.monomials import derivatives, design
from pmcmc.surrogates.polynomial import PolynomialSurrogate


def values_and_slopes(
    surrogate: PolynomialSurrogate, positions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Values `(n,)` and gradients `(n, D)` of the surrogate at finite positions `(n, D)`."""
    whitening = np.asarray(surrogate.whitening)
    z = (positions - surrogate.center) @ whitening.T
    norm = np.maximum(np.linalg.norm(z, axis=1, keepdims=True), np.finfo(float).tiny)
    is_beyond = norm > surrogate.radius
    shrunk = np.where(is_beyond, surrogate.radius / norm, 1.0)
    value, slope = _polynomial(surrogate.degree, np.asarray(surrogate.table), z * shrunk)
    beyond = np.where(is_beyond, norm - surrogate.radius, 0.0)[:, 0]
    # Beyond the radius, the polynomial depends only on the direction, and the value decreases
    # along the ray.
    ray = z / norm
    along = np.sum(slope * ray, axis=1, keepdims=True)
    slope = np.where(is_beyond, shrunk * (slope - along * ray) - ray, slope)
    return surrogate.level + value - beyond, slope @ whitening


def _polynomial(degree: int, table: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values `(n,)` and slopes `(n, D)` at rows `(n, D)`; see `as_table`."""
    if degree % 2 == 0:
        half = design(z, degree // 2).T
        rest = table @ half
        index, times = derivatives(z.shape[1], degree // 2)
        lower = half[: index.shape[1]]  # the monomials of lower degree come first
        slope = 2 * np.sum(times[..., None] * rest[index] * lower, axis=1)
        return np.sum(half * rest, axis=0), slope.T
    padded = design(z, 1)
    others = padded
    for _ in range(degree - 2):
        others = (others[:, :, None] * padded[:, None]).reshape(len(z), -1)
    rest = others @ table
    return np.sum(rest * padded, axis=1), degree * rest[:, 1:]
