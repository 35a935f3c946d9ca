"""Scaling the matrices down."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._util.checks import is_concrete, short
from pmcmc.solvers.newton.damping.base import Damping, Recurrence
from pmcmc.solvers.newton.structures import Structure


class Scale(Damping):
    """Multiply every matrix by `1 - k` (scale-ELK: Gonzalez, 2026).

    `k = 0` leaves the method as it is; `k = 1` makes it Jacobi's.

    Args:
        k: scalar in [0, 1], or one such number per step, shape `(T,)`.

    Raises:
        ValueError: `k` is not in [0, 1], or has more than one axis.
    """

    k: float | jax.Array | np.ndarray = 0.1

    def __post_init__(self) -> None:
        if self.k is not None and not is_concrete(self.k):
            return
        try:
            k = np.asarray(self.k, float)
        except (TypeError, ValueError):
            k = np.array(np.nan)
        if k.ndim > 1 or not k.size or not np.all((k >= 0) & (k <= 1)):
            raise ValueError(
                f"k must be a number from 0 to 1, or an array of them with one entry a step, got "
                f"{short(self.k)}: write Scale(k=0.1)."
            )

    def damp(self, structure: Structure, recurrence: Recurrence, state: Any) -> Recurrence:
        k = jnp.asarray(self.k, recurrence.offsets.dtype)
        if k.ndim:
            k = k[jnp.minimum(recurrence.steps, k.shape[0] - 1)]
        factors = jnp.broadcast_to(1 - k, recurrence.steps.shape)

        matrices = jax.vmap(structure.times)(recurrence.matrices, factors)
        return recurrence._replace(matrices=matrices)

    def segment(self, first_step: int, length: int) -> "Scale":
        if np.ndim(self.k) == 0:
            return self
        k = np.asarray(self.k)
        return dataclasses.replace(
            self, k=k[np.minimum(first_step + np.arange(length), len(k) - 1)]
        )
