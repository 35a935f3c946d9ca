"""What all front doors take: a log density, a start, a kernel and a key, checked."""

from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._basis import ChainSetting
from pmcmc._chain import Runner
from pmcmc._checks import short
from pmcmc._keys import as_key
from pmcmc._problem import Problem, as_problem, check_start, init_states
from pmcmc._starts import forgotten_n_chains
from pmcmc._warmup import Tuning, as_tuning
from pmcmc.kernels import HMC, MALA, Barker, Kernel, RandomWalkMetropolis
from pmcmc.solvers import Solver

# The first step size of the warm-up is a start for its search only.
_TUNED_KERNELS: dict[str, Kernel] = {
    "mala": MALA(step_size=0.1),
    "hmc": HMC(step_size=0.1, num_integration_steps=8, jitter=0.75),
    "random_walk": RandomWalkMetropolis(step_size=0.1),
    "barker": Barker(step_size=0.1),
}
_WARMUP_STREAM = np.uint32(2**32 - 1)  # no chain has this index


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

    def final_state(self, kernel: Kernel, positions: jax.Array) -> Any:
        """The kernel's state with the vectors in it as pytrees of the structure of `x0`."""
        problem, shape = self.problem, self.problem.positions.shape

        def unravel(leaf: jax.Array) -> Any:
            array = np.asarray(leaf)
            tree = problem.unravel(array) if array.shape == shape else array
            return tree if problem.has_chain_axis else jax.tree.map(lambda x: x[0], tree)

        return jax.tree.map(unravel, init_states(problem.logdensity, kernel, positions))


def as_task(
    logdensity: Any,
    x0: Any,
    kernel: Kernel | str | None,
    n_chains: int,
    rng_key: jax.Array | int,
    metric: str | None = "auto",
    target_acceptance_rate: float | None = None,
) -> Task:
    """Check what users wrote.

    Raises:
        ValueError: an argument cannot be used; the message says why and what to write.
    """
    given = _as_kernel(kernel)
    key = as_key(rng_key)
    try:
        problem = as_problem(logdensity, x0, n_chains, given)
        flat = given.flatten(problem.unravel_one)
        flat, tuning = as_tuning(flat, problem.positions.shape[1], metric, target_acceptance_rate)
        check_start(problem, flat)
    except ValueError as error:
        n_starts = forgotten_n_chains(logdensity, x0, given) if n_chains == 1 else None
        if n_starts is None:
            raise
        raise ValueError(
            f"x0 holds {n_starts} starts, as it seems: with n_chains=1 all its axes are part of "
            f"one position, which does not fit ({error}). Write n_chains={n_starts}."
        ) from error
    if problem.positions.committed:
        key = jax.device_put(key, problem.positions.device)
    return Task(problem, given, flat, tuning, key)


def warmup_key(rng_key: jax.Array) -> jax.Array:
    """The key of the noise of a warm-up."""
    return jax.random.fold_in(rng_key, _WARMUP_STREAM)


def _as_kernel(kernel: Kernel | str | None) -> Kernel:
    if isinstance(kernel, Kernel):
        return kernel
    name = "mala" if kernel is None else kernel
    if isinstance(name, str) and name in _TUNED_KERNELS:
        return _TUNED_KERNELS[name]
    names = ", ".join(map(repr, _TUNED_KERNELS))
    raise ValueError(
        f"kernel must be None, one of {names}, or an instance such as pmcmc.MALA(step_size=0.01), "
        f"got {short(kernel)}: write kernel='mala'."
    )
