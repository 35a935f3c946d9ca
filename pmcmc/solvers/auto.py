"""Choosing a solver without being asked."""

from dataclasses import dataclass

import jax

from pmcmc.solvers.base import Solver
from pmcmc.solvers.newton.damping import Clip
from pmcmc.solvers.newton.solver import ParallelNewton
from pmcmc.solvers.sequential import Sequential


@dataclass(frozen=True)
class Auto:
    """What is fastest for the chain at hand.

    `sample` begins with the loop and measures it. Where the run is long enough for a pilot to cost
    less than 5 % of it, the pilot measures what evaluating many steps at once costs, whether the
    chain forgets its past, and how many sweeps it takes; the fastest way takes over. Sweeps that
    stall later on lead to clipping, then to a smaller window, then back to the loop. So does any
    exception that is not the loop's own, at once and from where the chains were. All of it is in
    `info.plan`, and `pmcmc.plan` shows it without sampling.

    `solve` measures nothing, since it may run under `jax.jit`: it takes the loop on a CPU, where
    arithmetic is what takes the time, and clipped quasi-Newton sweeps (`"clip-elk"`) on an
    accelerator, where a step of a loop costs a latency and a whole window hardly more.
    """

    def choose(self) -> Solver:
        """The solver for the default device, where nothing is measured."""
        return Sequential() if jax.default_backend() == "cpu" else ParallelNewton(damping=Clip())
