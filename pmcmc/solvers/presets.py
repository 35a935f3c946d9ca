"""Names for solvers."""

from pmcmc._util.checks import short
from pmcmc.solvers.auto import Auto
from pmcmc.solvers.base import Solver
from pmcmc.solvers.nested import Nested
from pmcmc.solvers.newton.damping import ELK, Clip, Scale
from pmcmc.solvers.newton.solver import ParallelNewton
from pmcmc.solvers.newton.structures import Dense, Diagonal, DiagonalBlocks, Identity, Zero
from pmcmc.solvers.sequential import Sequential
from pmcmc.solvers.speculative.solver import Speculative

PRESETS: dict[str, Solver | Auto] = {
    "auto": Auto(),
    "sequential": Sequential(),
    "newton": ParallelNewton(jacobian=Dense()),
    "quasi": ParallelNewton(jacobian=Diagonal()),
    "block": Nested(ParallelNewton(jacobian=DiagonalBlocks())),
    "elk": ParallelNewton(jacobian=Dense(), damping=ELK(is_adaptive=True)),
    "quasi-elk": ParallelNewton(jacobian=Diagonal(), damping=ELK(is_adaptive=True)),
    "scale-elk": ParallelNewton(jacobian=Diagonal(), damping=Scale()),
    "clip-elk": ParallelNewton(jacobian=Diagonal(), damping=Clip()),
    "speculative": Speculative(),
    "picard": ParallelNewton(jacobian=Identity()),
    "jacobi": ParallelNewton(jacobian=Zero()),
}


def as_solver(solver: str | Solver | Auto) -> Solver | Auto:
    """The solver for a name or an instance.

    Raises:
        ValueError: there is no solver of that name, or it is not a solver.
    """
    if isinstance(solver, str) and solver in PRESETS:
        solver = PRESETS[solver]
    if isinstance(solver, Solver | Auto):
        return solver
    names = ", ".join(repr(name) for name in PRESETS)
    raise ValueError(
        f"solver must be one of {names} or an instance such as pmcmc.ParallelNewton(window=128), "
        f"got {short(solver)}: write solver='quasi'."
    )
