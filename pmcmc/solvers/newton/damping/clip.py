"""Bounding the matrices."""

from typing import Any

import jax

from pmcmc._util.checks import check_finite, check_positive, is_concrete, short
from pmcmc.solvers.newton.damping.base import Damping, Recurrence
from pmcmc.solvers.newton.structures import Structure


class Clip(Damping):
    """Bound the spectral norm of every matrix by `rho` (clip-ELK: Gonzalez, 2026).

    With `rho <= 1` every sweep is a stable linear recurrence. Diagonal matrices are clipped entry
    by entry, 2 x 2 blocks of diagonals are scaled down block by block, and the singular values of
    full matrices are cut off.

    Args:
        rho: bound, in (0, 1].
        low: lower bound of the entries of diagonal matrices, below `rho`, such as 0 if the factors
            are known to be nonnegative; `None` for `-rho`.

    Raises:
        ValueError: `rho` is not in (0, 1], or `low` not below it; when used, the structure is not
            diagonal and there is a `low`.
    """

    rho: float | jax.Array = 1.0
    low: float | jax.Array | None = None

    def __post_init__(self) -> None:
        check_positive("rho", self.rho, "Clip(rho=1.0)")
        if is_concrete(self.rho) and self.rho > 1:
            raise ValueError(f"rho must be at most 1, got {short(self.rho)}: write Clip(rho=1.0).")
        if self.low is None:
            return
        check_finite("low", self.low, "Clip(rho=1.0, low=0.0)")
        if is_concrete(self.low) and is_concrete(self.rho) and not -1 <= self.low < self.rho:
            raise ValueError(
                f"low must be at least -1 and below rho, got {short(self.low)}: write "
                "Clip(rho=1.0, low=0.0)."
            )

    def damp(self, structure: Structure, recurrence: Recurrence, state: Any) -> Recurrence:
        def clip(matrix: Any) -> Any:
            if self.low is None:
                return structure.clip(matrix, self.rho)
            return structure.clip_between(matrix, self.low, self.rho)

        matrices = jax.vmap(clip)(recurrence.matrices)
        return recurrence._replace(matrices=matrices)
