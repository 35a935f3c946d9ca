"""The metric of a kernel, given by an inverse mass matrix.

It is `None` for the identity, a vector `(D,)` for a diagonal matrix, or a matrix `(D, D)`, ideally
an estimate of the covariance of the target. Only draws of noise need a factor of the matrix, once
for many steps; a transition just multiplies.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular

from pmcmc._util.checks import is_concrete, short
from pmcmc._util.products import product

_EXAMPLE = "write inverse_mass_matrix=draws.var(axis=0) or numpy.cov(draws.T)"


def check_inverse_mass_matrix(value: Any) -> None:
    """Raise unless `value` is `None`, a positive vector or a positive definite matrix."""
    if value is None or not is_concrete(value):
        return
    if not isinstance(value, np.ndarray | jax.Array) or value.ndim not in (1, 2):
        raise ValueError(
            f"inverse_mass_matrix must be None, a vector or a matrix, got {short(value)}: "
            f"{_EXAMPLE}."
        )
    array = np.asarray(value)
    if array.ndim == 1:
        is_valid = array.dtype.kind == "f" and bool(np.all(np.isfinite(array) & (array > 0)))
        kind = "positive finite numbers"
    else:
        kind = "a symmetric positive definite matrix"
        is_valid = array.dtype.kind == "f" and _is_positive_definite(array)
    if not is_valid:
        raise ValueError(
            f"inverse_mass_matrix must hold {kind}, got shape {array.shape} and dtype "
            f"{array.dtype} with other numbers: {_EXAMPLE}."
        )


def check_size(inverse_mass_matrix: jax.Array | None, position: jax.Array) -> None:
    """Raise unless the matrix fits positions of this shape."""
    if inverse_mass_matrix is None:
        return
    size = position.shape[0]
    if jnp.shape(inverse_mass_matrix) not in ((size,), (size, size)):
        raise ValueError(
            f"inverse_mass_matrix must have shape ({size},) or ({size}, {size}) for positions of "
            f"{size} numbers, got {jnp.shape(inverse_mass_matrix)}: {_EXAMPLE}."
        )


def multiply(inverse_mass_matrix: jax.Array | None, vector: jax.Array) -> jax.Array:
    """The product of the inverse mass matrix and a vector `(D,)`."""
    if inverse_mass_matrix is None:
        return vector
    if inverse_mass_matrix.ndim == 1:
        return inverse_mass_matrix * vector
    return product(inverse_mass_matrix, vector)


def scale_move(inverse_mass_matrix: jax.Array | None, normal: jax.Array) -> jax.Array:
    """Scale a standard draw `(D,)` so that its covariance is the inverse mass matrix."""
    check_size(inverse_mass_matrix, normal)
    if inverse_mass_matrix is None:
        return normal
    if inverse_mass_matrix.ndim == 1:
        return jnp.sqrt(inverse_mass_matrix) * normal
    return product(jnp.linalg.cholesky(inverse_mass_matrix), normal)


def scale_momentum(inverse_mass_matrix: jax.Array | None, normal: jax.Array) -> jax.Array:
    """Scale a standard draw `(D,)` so that its covariance is the mass matrix."""
    check_size(inverse_mass_matrix, normal)
    if inverse_mass_matrix is None:
        return normal
    if inverse_mass_matrix.ndim == 1:
        return normal / jnp.sqrt(inverse_mass_matrix)
    factor = jnp.linalg.cholesky(inverse_mass_matrix)
    return solve_triangular(factor, normal, lower=True, trans=1)


def _is_positive_definite(matrix: np.ndarray) -> bool:
    is_square = matrix.shape[0] == matrix.shape[1]
    if not is_square or not np.allclose(matrix, matrix.T, rtol=1e-4, atol=0):
        return False
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return bool(np.isfinite(matrix).all())
