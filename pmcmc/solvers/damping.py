"""Damping: what keeps the linear recurrence of a sweep from blowing up."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from pmcmc._checks import check_positive, is_concrete


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Clip:
    """Clip the entries of diagonal matrices to `[-rho, rho]` (clip-ELK).

    With `rho <= 1` every sweep is a stable linear recurrence. Entries that are not a number become
    zero, which is a Jacobi step for that coordinate; any matrix is a valid choice.

    Args:
        rho: bound, in (0, 1].

    Raises:
        ValueError: `rho` is not in (0, 1].
    """

    rho: float | jax.Array = 1.0

    def __post_init__(self) -> None:
        check_positive("rho", self.rho, "Clip(rho=1.0)")
        if is_concrete(self.rho) and self.rho > 1:
            raise ValueError(f"rho must be at most 1, got {self.rho!r}: write Clip(rho=1.0).")

    def __call__(self, diagonal: jax.Array) -> jax.Array:
        return jnp.where(jnp.isnan(diagonal), 0.0, jnp.clip(diagonal, -self.rho, self.rho))
