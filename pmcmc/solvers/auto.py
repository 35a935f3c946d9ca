"""Choosing a solver without being asked."""

from dataclasses import dataclass

import jax

from pmcmc.solvers.base import Solver
from pmcmc.solvers.damping import Clip
from pmcmc.solvers.newton import ParallelNewton
from pmcmc.solvers.sequential import Sequential


@dataclass(frozen=True)
class Auto:
    """The loop on a CPU, clipped quasi-Newton sweeps (`"clip-elk"`) on an accelerator.

    Sweeps do several times the arithmetic of a loop. On a CPU arithmetic is what takes the time,
    and the loop wins for all but log densities that are slow and sequential themselves; on an
    accelerator a step of a loop costs a latency, and a whole window costs hardly more.
    """

    def choose(self) -> Solver:
        """The solver for the default device."""
        return Sequential() if jax.default_backend() == "cpu" else ParallelNewton(damping=Clip())
