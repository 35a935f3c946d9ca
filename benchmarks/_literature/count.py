"""One row of the table: sweeps of a method over a whole sequence, beside the loop and the paper."""

import dataclasses
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc import ParallelNewton, solve
from pmcmc.solvers import ELK, Dense, Diagonal, RandomGuess, ScaledIdentity, SmallMerit

EXACT = Diagonal(n_probes=None)
MERIT = SmallMerit(1e-10)
METHODS = {
    "Newton": ParallelNewton(jacobian=Dense()),
    "quasi": ParallelNewton(jacobian=EXACT),
    "quasi, one probe": ParallelNewton(jacobian=Diagonal(1)),
    "Picard": ParallelNewton(jacobian=ScaledIdentity(1.0)),
    "Jacobi": ParallelNewton(jacobian=ScaledIdentity(0.0)),
    "ELK, adaptive": ParallelNewton(jacobian=Dense(), damping=ELK(is_adaptive=True)),
}
# The variance of the authors' filter is one over the penalty.
PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
METHODS |= {
    f"{name}, {penalty:.0e}": ParallelNewton(jacobian=structure, damping=ELK(penalty))
    for penalty in PENALTIES
    for name, structure in (("ELK", Dense()), ("quasi-ELK", EXACT))
}


class Case(NamedTuple):
    """A recursion of the literature.

    Args:
        experiment: where it stands in the table.
        name: of the recursion in the experiment.
        step: `(state, input) -> state`.
        s0: start.
        inputs: leading axis `T`.
    """

    experiment: str
    name: str
    step: Any
    s0: Any
    inputs: Any


def seconds_of(case: Case, solver: Any) -> tuple[Any, float]:
    """The solution, and seconds of the second run, which has nothing to compile."""
    jax.block_until_ready(solve(case.step, case.s0, case.inputs, solver=solver).states)
    started = time.perf_counter()
    found = solve(case.step, case.s0, case.inputs, solver=solver)
    jax.block_until_ready(found.states)
    return found, time.perf_counter() - started


def row(
    case: Case, method: str, published: str = "", is_timed: bool = False, **choices: Any
) -> dict[str, Any]:
    """Sweeps of a method in one window as long as the sequence.

    Args:
        case: the recursion.
        method: a name in `METHODS`.
        published: the figure of the literature, as it is printed there.
        is_timed: whether to run twice, for seconds without compilation.
        choices: fields of the solver to change, such as `guess` and `stopping`.
    """
    length = len(jax.tree.leaves(case.inputs)[0])
    solver = dataclasses.replace(
        METHODS[method], window=length, basis=None, fallback=None, n_logged_sweeps=length, **choices
    )
    loop, loop_seconds, seconds = None, None, None
    if is_timed:
        found, seconds = seconds_of(case, solver)
        loop, loop_seconds = seconds_of(case, "sequential")
    else:
        found = solve(case.step, case.s0, case.inputs, solver=solver)
        loop = solve(case.step, case.s0, case.inputs, solver="sequential")
    stopping = solver.stopping
    result = {
        "experiment": case.experiment,
        "case": case.name,
        "D": int(np.size(case.s0)),
        "T": length,
        "method": method,
        "rule": "residual" if stopping is None else type(stopping).__name__,
        "sweeps": int(found.sweeps),
        "published": published,
        "sweeps with overflow": int(jnp.sum(found.sweep_log.reset > 0)),
        "residual": float(found.residual),
        "difference": float(jnp.max(jnp.abs(found.states - loop.states))),
        "seconds": seconds,
        "loop, seconds": loop_seconds,
    }
    print({name: value for name, value in result.items() if value not in (None, "")}, flush=True)
    jax.clear_caches()
    return result


def zeros(case: Case) -> np.ndarray:
    """The guess of the authors where they start from nothing."""
    return np.zeros((len(jax.tree.leaves(case.inputs)[0]), np.size(case.s0)))


NORMAL = RandomGuess()
