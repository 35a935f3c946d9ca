"""Names for solvers."""

from pmcmc.solvers.auto import Auto
from pmcmc.solvers.base import Solver
from pmcmc.solvers.newton import ParallelNewton
from pmcmc.solvers.sequential import Sequential

PRESETS: dict[str, Solver | Auto] = {
    "auto": Auto(),
    "quasi": ParallelNewton(),
    "sequential": Sequential(),
}


def as_solver(solver: str | Solver | Auto) -> Solver:
    """The solver meant by a name or by an instance; `Auto` is replaced by its choice.

    Raises:
        ValueError: there is no solver of that name, or it is not a solver.
    """
    if isinstance(solver, str) and solver in PRESETS:
        solver = PRESETS[solver]
    if isinstance(solver, Auto):
        return solver.choose()
    if isinstance(solver, Solver):
        return solver
    names = ", ".join(repr(name) for name in PRESETS)
    raise ValueError(
        f"solver must be one of {names} or an instance such as pmcmc.ParallelNewton(window=128), "
        f"got {solver!r}: write solver='quasi'."
    )
