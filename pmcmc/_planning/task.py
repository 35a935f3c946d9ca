"""What is to be run, and how it is run by a solver."""

from typing import NamedTuple

import jax

from pmcmc._adaptation.windows import Tuning
from pmcmc._chain.basis import ChainSetting
from pmcmc._chain.problem import Problem
from pmcmc._chain.runner import Runner
from pmcmc.kernels import Kernel
from pmcmc.solvers import Solver


class Task(NamedTuple):
    """Arguments of a front door, checked.

    Args:
        problem: what is to be sampled, from where.
        given: the kernel as it was given.
        kernel: the kernel for flat positions, with a metric where one is to be tuned.
        tuning: what a warm-up tunes.
        rng_key: a typed key.
    """

    problem: Problem
    given: Kernel
    kernel: Kernel
    tuning: Tuning
    rng_key: jax.Array

    def at(self, positions: jax.Array) -> "Task":
        """The task from other starts, shape `(chain, D)`."""
        return self._replace(problem=self.problem._replace(positions=positions))

    def runner(self, solver: Solver, kernel: Kernel, n_steps: int) -> Runner:
        """A runner of `n_steps` by a solver, with everything it needs resolved.

        Raises:
            ValueError: the solver cannot run this chain.
        """
        setting = ChainSetting(self.problem, kernel, self.rng_key, n_steps)

        def prepare(kernel: Kernel) -> Solver:
            return solver.prepare(setting.with_kernel(kernel))

        prepared = prepare(kernel)
        n_chains, dim = self.problem.positions.shape
        length = prepared.segment_length(n_steps, n_chains, dim, self.problem.positions.dtype)
        return Runner(self.problem.logdensity, prepared, length, prepare)

    def restored(self, kernel: Kernel) -> Kernel:
        """A tuned kernel as users know it, made of functions of their own positions."""
        return self.given if self.given.target_acceptance_rate is None else kernel
