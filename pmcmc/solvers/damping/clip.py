"""Bounding the matrices."""

from typing import Any

import jax

from pmcmc._util.checks import check_positive, is_concrete, short
from pmcmc.solvers.damping.base import Damping, Recurrence
from pmcmc.solvers.structures import Structure


class Clip(Damping):
    """Bound the spectral norm of every matrix by `rho` (clip-ELK: Gonzalez, 2026).

    With `rho <= 1` every sweep is a stable linear recurrence. Diagonal matrices are clipped entry
    by entry, 2 x 2 blocks of diagonals are scaled down block by block, the singular values of full
    matrices are cut off.

    Args:
        rho: bound, in (0, 1].

    Raises:
        ValueError: `rho` is not in (0, 1].
    """

    rho: float | jax.Array = 1.0

    def __post_init__(self) -> None:
        check_positive("rho", self.rho, "Clip(rho=1.0)")
        if is_concrete(self.rho) and self.rho > 1:
            raise ValueError(f"rho must be at most 1, got {short(self.rho)}: write Clip(rho=1.0).")

    def damp(self, structure: Structure, recurrence: Recurrence, state: Any) -> Recurrence:
        matrices = jax.vmap(lambda matrix: structure.clip(matrix, self.rho))(recurrence.matrices)
        return recurrence._replace(matrices=matrices)
