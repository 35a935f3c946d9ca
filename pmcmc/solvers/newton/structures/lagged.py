"""Matrices held over several sweeps."""

from pmcmc._util.checks import check_part, store_count
from pmcmc.solvers.newton.structures.base import Structure
from pmcmc.solvers.newton.structures.wrapper import Wrapper


class Lagged(Wrapper, static=("every",)):
    """A structure whose matrices are estimated only every few sweeps (lagged, or chord, method).

    Between two estimates a sweep takes no Jacobian-vector products; steps that enter the window use
    the matrix of the previous step.

    Args:
        structure: the structure to estimate, e.g. `Diagonal()`.
        every: number of sweeps from one estimate to the next.

    Raises:
        ValueError: `every` is not a positive integer.
    """

    structure: Structure
    every: int = 2

    def __post_init__(self) -> None:
        check_part("structure", self.structure, "Dense()")
        store_count(self, "every")

    def products(self, dim: int) -> float:
        return self.structure.products(dim) / self.every
