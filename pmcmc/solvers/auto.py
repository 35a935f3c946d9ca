"""Automatic choice of a solver."""

from dataclasses import dataclass

import jax

from pmcmc.solvers.base import Solver
from pmcmc.solvers.newton.damping import Clip
from pmcmc.solvers.newton.solver import ParallelNewton
from pmcmc.solvers.sequential import Sequential


@dataclass(frozen=True)
class Auto:
    """The solver that is fastest for the chain at hand.

    `sample` begins with the loop and measures it. If the run is long enough for a pilot to cost
    less than 5 % of it, the pilot measures the cost of evaluating many steps at once, whether the
    chain forgets its past, and how many sweeps it needs. The fastest method takes over. Sweeps that
    stall later lead to a smaller window, then back to the loop. Any exception that is not the
    loop's own leads back to the loop at once, from where the chains were. `info.plan` has all of
    this, and `pmcmc.plan` shows it without sampling.

    `solve` measures nothing, since it may run under `jax.jit`. It uses the loop on a CPU, where
    arithmetic takes the time, and clipped quasi-Newton sweeps (`"clip-elk"`) on an accelerator,
    where each step of a loop costs the latency of a launch and a whole window costs hardly more.
    """

    def choose(self) -> Solver:
        """The solver for the default device, without measuring."""
        return Sequential() if jax.default_backend() == "cpu" else ParallelNewton(damping=Clip())
