"""Logistic regression, for several data sets."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np


def logistic_logdensity(
    features: np.ndarray, outcomes: np.ndarray
) -> tuple[Callable[[jax.Array], jax.Array], int]:
    """Posterior log density of an intercept and one coefficient per feature, and their number.

    All have a standard normal prior.

    Args:
        features: shape `(case, feature)`.
        outcomes: 0 or 1, shape `(case,)`.
    """
    # A case contributes log sigmoid(sign * logit). The sign is folded into its row.
    design = np.column_stack([np.ones(len(features)), features])
    signed_design = design * (2 * outcomes - 1)[:, None]

    def logdensity(coefficients: jax.Array) -> jax.Array:
        rows = jnp.asarray(signed_design, coefficients.dtype)
        logits = jnp.matmul(rows, coefficients, precision=jax.lax.Precision.HIGHEST)
        return jnp.sum(jax.nn.log_sigmoid(logits)) - 0.5 * jnp.sum(coefficients**2)

    return logdensity, design.shape[1]


def standardize(columns: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and (population) standard deviation 1."""
    return (columns - columns.mean(axis=0)) / columns.std(axis=0)
