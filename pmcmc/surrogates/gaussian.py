"""A normal distribution."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._util.checks import short
from pmcmc._util.products import product
from pmcmc.surrogates.base import Surrogate
from pmcmc.surrogates.polynomial import PolynomialSurrogate


class GaussianSurrogate(Surrogate):
    """A normal log density, up to a constant: `-|whitening (x - mean)|^2 / 2`.

    Args:
        mean: shape `(D,)`.
        whitening: shape `(D, D)`, or its diagonal, shape `(D,)`; see `from_metric`.
    """

    mean: Any
    whitening: Any

    def __call__(self, position: jax.Array) -> jax.Array:
        """The log density at `(D,)`, up to a constant."""
        offset, whitening = position - self.mean, jnp.asarray(self.whitening)
        z = product(whitening, offset) if whitening.ndim == 2 else whitening * offset
        return -0.5 * jnp.sum(z**2)

    def as_polynomial(self) -> PolynomialSurrogate:
        """The same function, in the form of the polynomials that later replace it."""
        whitening = np.asarray(self.whitening)
        return PolynomialSurrogate.normal(
            self.mean, whitening if whitening.ndim == 2 else np.diag(whitening)
        )

    @classmethod
    def from_metric(cls, mean: Any, inverse_mass_matrix: Any) -> "GaussianSurrogate":
        """The normal with this mean, and with the inverse mass matrix as its covariance.

        Args:
            mean: shape `(D,)`.
            inverse_mass_matrix: shape `(D,)` or `(D, D)`.

        Raises:
            ValueError: shapes do not match, or the matrix is not positive definite.
        """
        mean, metric = np.asarray(mean, float), np.asarray(inverse_mass_matrix, float)
        if mean.ndim != 1 or metric.shape not in (mean.shape, mean.shape * 2):
            raise ValueError(
                "inverse_mass_matrix must have the shape (D,) or (D, D) of a mean of shape (D,), "
                f"got {metric.shape} and {mean.shape}: write the covariance of draws."
            )
        try:
            with np.errstate(invalid="ignore", divide="ignore"):
                root = np.sqrt(metric) if metric.ndim == 1 else np.linalg.cholesky(metric)
                whitening = 1 / root if metric.ndim == 1 else np.linalg.inv(root)
            if not np.isfinite(whitening).all():
                raise np.linalg.LinAlgError
        except np.linalg.LinAlgError as error:
            raise ValueError(
                "inverse_mass_matrix must be positive definite, got "
                f"{short(inverse_mass_matrix)}: write the covariance of draws."
            ) from error
        return cls(mean, whitening)
