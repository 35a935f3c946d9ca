"""Stopping rules of the literature, which look at all steps of the window together.

They end the sweeps before every state is known to be within tolerance. The result reports its true
residual, and counts as converged only if that is within `atol + rtol * |s|` anyway.
"""

import abc

import jax
import jax.numpy as jnp

from pmcmc._util.checks import check_positive
from pmcmc._util.pytree import Pytree
from pmcmc.solvers.place import Place


class Stopping(Pytree, abc.ABC):
    """When to stop sweeping although states may be out of tolerance; a frozen dataclass."""

    @abc.abstractmethod
    def is_met(self, merit: jax.Array, step: jax.Array, n_live: jax.Array) -> jax.Array:
        """Whether the iterates before the sweep are good enough.

        Args:
            merit: half the sum of their squared residuals, infinite where one is NaN.
            step: largest change of a number in the sweep, NaN if one is.
            n_live: number of steps of the chain in the window.
        """


class SmallMerit(Stopping):
    """Stop at a small mean merit, `sum |f(s_{t-1}) - s_t|**2 / (2 T)` over `T` steps.

    The rule of Gonzalez et al. (2025), with 1e-10. Individual residuals may be as large as `sqrt(2
    * T * tolerance)`.

    Args:
        tolerance: tolerance of the mean merit.

    Raises:
        ValueError: `tolerance` is not positive.
    """

    tolerance: float | jax.Array = 1e-10

    def __post_init__(self) -> None:
        check_positive("tolerance", self.tolerance, "SmallMerit(1e-10)")

    def is_met(self, merit: jax.Array, step: jax.Array, n_live: jax.Array) -> jax.Array:
        size = jnp.maximum(n_live, 1).astype(merit.dtype)
        return merit <= jnp.asarray(self.tolerance, merit.dtype) * size


class SmallStep(Stopping):
    """Stop when no coordinate of an iterate changed by more than a tolerance.

    The rule of DEER (Lim et al., 2024), with 1e-4 in float32. Many small steps may follow one
    another: a small step does not bound the residual.

    Args:
        tolerance: tolerance of the change.

    Raises:
        ValueError: `tolerance` is not positive.
    """

    tolerance: float | jax.Array = 1e-4

    def __post_init__(self) -> None:
        check_positive("tolerance", self.tolerance, "SmallStep(1e-4)")

    def is_met(self, merit: jax.Array, step: jax.Array, n_live: jax.Array) -> jax.Array:
        return step <= jnp.asarray(self.tolerance, jnp.result_type(step))


def merit_of(error: jax.Array, is_live: jax.Array, place: Place) -> jax.Array:
    """Half the sum of squared residuals `(W, D)` of the live rows, infinite where one is NaN."""
    total = place.sum(jnp.sum(jnp.where(is_live[:, None], error**2, 0.0))) / 2
    return jnp.where(jnp.isnan(total), jnp.inf, total)
