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
    """What ELK needs with each penalty.

    Args:
        penalty: the penalties that were tried.
        sweeps: number of sweeps with each.
        overflows: how many of these sweeps overflowed.
        best: the penalty with the fewest sweeps; the largest one if there is a tie.
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

    The authors search powers of ten (Gonzalez et al., 2024). Every penalty takes one full
    evaluation, but all share one compilation. A part of the sequence is enough.

    Args:
        step: as in `pmcmc.solve`.
        s0: as in `pmcmc.solve`.
        inputs: as in `pmcmc.solve`.
        penalties: values to try, each 0 or more.
        solver: the method to damp, a name or a `ParallelNewton`: `"quasi"` for quasi-ELK; its
            window is cut to the length of the sequence.

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
