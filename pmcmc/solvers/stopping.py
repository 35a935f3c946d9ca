"""Stopping rules of the literature, which look at all steps of the window together.

They end the sweeps before every state is known to be within tolerance. What is returned carries its
true residual, and counts as converged only if that is within `atol + rtol * |s|` all the same.
"""

import abc

import jax
import jax.numpy as jnp

from pmcmc._util.checks import check_positive
from pmcmc._util.pytree import Pytree


class Stopping(Pytree, abc.ABC):
    """When to stop sweeping although states may be out of tolerance; a frozen dataclass."""

    @abc.abstractmethod
    def is_met(self, error: jax.Array, step: jax.Array, is_live: jax.Array) -> jax.Array:
        """Whether the iterates before the sweep will do.

        Args:
            error: residuals `f(s_{t-1}) - s_t` of the iterates before the sweep, shape `(W, D)`.
            step: new iterates minus those before the sweep, shape `(W, D)`.
            is_live: which rows are steps of the chain, shape `(W,)`.
        """


class SmallMerit(Stopping):
    """Stop at a small mean merit, `sum |f(s_{t-1}) - s_t|**2 / (2 T)` over `T` steps.

    The rule of Gonzalez et al. (2025), with 1e-10. Single residuals may be as large as
    `sqrt(2 * T * tolerance)`.

    Args:
        tolerance: of the mean merit.

    Raises:
        ValueError: `tolerance` is not positive.
    """

    tolerance: float | jax.Array = 1e-10

    def __post_init__(self) -> None:
        check_positive("tolerance", self.tolerance, "SmallMerit(1e-10)")

    def is_met(self, error: jax.Array, step: jax.Array, is_live: jax.Array) -> jax.Array:
        n_live = jnp.maximum(jnp.sum(is_live, dtype=jnp.int32), 1).astype(error.dtype)
        return merit(error, is_live) <= jnp.asarray(self.tolerance, error.dtype) * n_live


class SmallStep(Stopping):
    """Stop when no coordinate of an iterate changed by more than a tolerance.

    The rule of DEER (Lim et al., 2024), with 1e-4 in float32. A small step may be one of many:
    it bounds no residual.

    Args:
        tolerance: of the change.

    Raises:
        ValueError: `tolerance` is not positive.
    """

    tolerance: float | jax.Array = 1e-4

    def __post_init__(self) -> None:
        check_positive("tolerance", self.tolerance, "SmallStep(1e-4)")

    def is_met(self, error: jax.Array, step: jax.Array, is_live: jax.Array) -> jax.Array:
        is_small = jnp.abs(step) <= jnp.asarray(self.tolerance, step.dtype)
        return jnp.all(is_small | ~is_live[:, None])


def merit(error: jax.Array, is_live: jax.Array) -> jax.Array:
    """Half the sum of squared residuals `(W, D)` of the live rows, infinite where one is NaN."""
    total = jnp.sum(jnp.where(is_live[:, None], error**2, 0.0)) / 2
    return jnp.where(jnp.isnan(total), jnp.inf, total)
