"""Which penalty of ELK suits a recursion."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._solve import Step, solve
from pmcmc._util.checks import check_not_negative, short
from pmcmc.diagnostics._mismatch import as_newton
from pmcmc.solvers import ELK, ParallelNewton

GRID = tuple(10.0**power for power in range(-8, 1))


class Penalties(NamedTuple):
    """What ELK takes with each penalty.

    Args:
        penalty: those that were tried.
        sweeps: that each took.
        overflows: how many of these sweeps overflowed.
        best: the penalty of fewest sweeps, among equals the largest.
    """

    penalty: np.ndarray
    sweeps: np.ndarray
    overflows: np.ndarray
    best: float


def elk_penalties(
    step: Step,
    s0: Any,
    inputs: Any,
    *,
    penalties: Sequence[float] = GRID,
    solver: ParallelNewton | str = "newton",
) -> Penalties:
    """Sweeps of ELK over a grid of penalties, `lambda` in the literature.

    The authors search powers of ten (Gonzalez et al., 2024). Every penalty is one full evaluation;
    all of them share one compilation. A stretch of the sequence will do.

    Args:
        step: as in `pmcmc.solve`.
        s0: as in `pmcmc.solve`.
        inputs: as in `pmcmc.solve`.
        penalties: to try, 0 or more.
        solver: what is damped, a name or a `ParallelNewton`: `"quasi"` for quasi-ELK; of its window
            no more than the sequence counts.

    Raises:
        ValueError: an argument cannot be used.
    """
    if not len(penalties):
        raise ValueError(
            f"penalties must hold at least one number, got {short(penalties)}: write "
            "penalties=(1e-4, 1e-2)."
        )
    for penalty in penalties:
        check_not_negative("penalties", penalty, "penalties=(1e-4, 1e-2)")
    method = as_newton(solver)
    length = len(jax.tree.leaves(inputs)[0])
    found = [
        solve(
            step,
            s0,
            inputs,
            solver=dataclasses.replace(
                method, damping=ELK(float(penalty)), n_logged_sweeps=length, fallback=None
            ),
        )
        for penalty in penalties
    ]
    sweeps = np.array([int(one.sweeps) for one in found])
    overflows = np.array([int(np.sum(np.asarray(one.sweep_log.reset) > 0)) for one in found])
    tried = np.array(penalties, float)
    return Penalties(tried, sweeps, overflows, float(tried[sweeps == sweeps.min()].max()))
