"""What to run, and the runner that runs it by a solver."""

import functools
from collections.abc import Callable, Hashable
from typing import NamedTuple

import jax
from jax.sharding import Mesh

from pmcmc._adaptation.criteria.base import Criterion
from pmcmc._chain.blocks import Programs
from pmcmc._chain.fitting import Fitting
from pmcmc._chain.layout import Layout, candidates
from pmcmc._chain.layouts import Layouts
from pmcmc._chain.mesh import check_solver
from pmcmc._chain.problem import Problem, contents
from pmcmc._chain.recursion import contents_of_step
from pmcmc._chain.runner import Runner
from pmcmc._chain.setting import ChainSetting
from pmcmc._util.programs import memory_of
from pmcmc._util.threads import n_cores
from pmcmc.kernels import Kernel
from pmcmc.solvers import Solver
from pmcmc.surrogates.fit import MOST_DIM


def layouts_to_try(
    problem: Problem, chain_method: str, n_steps: float, uses_gradient: bool
) -> tuple[Layout, ...]:
    """The possible layouts for the chains of a problem, the likely best first.

    Args:
        problem: what is sampled.
        chain_method: the name that the user wrote.
        n_steps: total number of steps of each chain.
        uses_gradient: whether the kernel does.
    """
    n_chains = len(problem.positions)
    is_cpu = problem.device.platform == "cpu"
    inside = contents(problem)
    return candidates(chain_method, n_chains, n_steps, is_cpu, n_cores(), inside, uses_gradient)


class Task(NamedTuple):
    """The checked arguments of `sample`, or of another public function that runs chains.

    Args:
        problem: what is sampled, and the starts.
        given: the kernel as the user gave it.
        kernel: the kernel for flat positions, in their dtype, with a value in every tuned field.
        criteria: what a warm-up tunes, in the order in which they run.
        rng_key: a typed key.
        chain_method: layout of the chains, by name.
        layout: the layout, if it is known already.
        goal: the final kernel for flat positions, if the warm-up starts with another one.
        fitting: of a surrogate, if that kernel needs one.
        mesh: of devices that the chains are spread over.
        programs: compiled programs for blocks of chains, shared by the task's runners; `None` if
            each runner has its own.
    """

    problem: Problem
    given: Kernel
    kernel: Kernel
    criteria: tuple[Criterion, ...]
    rng_key: jax.Array
    chain_method: str = "auto"
    layout: Layout | None = None
    goal: Kernel | None = None
    fitting: Fitting | None = None
    mesh: Mesh | None = None
    programs: dict[Hashable, Programs] | None = None

    def at(self, positions: jax.Array) -> "Task":
        """The task with other starts, shape `(chain, D)`."""
        return self._replace(problem=self.problem._replace(positions=positions))

    def runner(
        self, solver: Solver, kernel: Kernel, n_steps: int, n_total: int | None = None
    ) -> Runner:
        """A runner with the solver prepared for a chain.

        Args:
            solver: not prepared yet.
            kernel: for flat positions.
            n_steps: number of steps of the chain that the solver is prepared for.
            n_total: the same plus the steps of a warm-up before; `None` for no warm-up.

        Raises:
            ValueError: the solver cannot run this chain.
        """
        fitting = self.fitting
        is_without = kernel.parts() is not None and kernel.surrogate_of_logdensity() is None
        dim = self.problem.positions.shape[1]
        if fitting is None and solver.fits_surrogate and is_without and dim <= MOST_DIM:
            fitting = Fitting(dim)
        setting = ChainSetting(self.problem, kernel, self.rng_key, n_steps, fitting, self.mesh)
        if self.mesh is not None:
            check_solver(self.mesh, solver)

        def prepare(kernel: Kernel) -> Solver:
            return solver.prepare(setting.with_kernel(kernel))

        prepared = prepare(kernel)
        n_chains, dtype = len(self.problem.positions), self.problem.positions.dtype

        def length(layout: Layout) -> int:
            return prepared.segment_length(n_steps, layout.n_at_once(n_chains), dim, dtype)

        layouts = self._layouts(prepared, kernel, n_total or n_steps, length)
        logdensity = self.problem.logdensity
        programs = {} if self.programs is None else self.programs
        return Runner(logdensity, prepared, length, layouts, prepare, fitting, self.mesh, programs)

    def _layouts(
        self, solver: Solver, kernel: Kernel, n_steps: int, length: Callable[[Layout], int]
    ) -> Layouts:
        positions, n_chains = self.problem.positions, len(self.problem.positions)
        options = layouts_to_try(self.problem, self.chain_method, n_steps, kernel.uses_gradient)
        if self.layout is not None:
            options = (self.layout,)
        if self.mesh is not None:
            return Layouts((Layout(n_chains, 1),), n_chains, n_steps, {})
        inside = functools.partial(contents_of_step, self.problem, kernel)
        # A solver that holds states of all chains cannot be divided into blocks. Python callbacks
        # run one at a time, whatever thread calls them.
        is_whole = bool(jax.tree.leaves(solver.per_chain))
        if is_whole or (len(options) > 1 and inside(is_batch=False).has_callback):
            options = (Layout(n_chains, 1),)

        def alone(layout: Layout) -> Layout:
            is_batch = layout.block > 1 or solver.is_parallel_in_time
            if layout.n_threads == 1 or not inside(is_batch).may_deadlock:
                return layout
            return Layout(1 if layout.block == 1 else n_chains, 1)

        options = tuple(map(alone, options))
        # Whatever distinguishes one program from another.
        leaves, structure = jax.tree.flatten((solver, kernel, positions))
        about = (structure, *map(jax.typeof, leaves), self.problem.device, length(options[0]))
        seen = memory_of(self.problem.logdensity, *about)
        return Layouts(options, n_chains, n_steps, seen)

    def restored(self, kernel: Kernel) -> Kernel:
        """A tuned kernel in the user's form: the kernel as given if there was nothing to tune."""
        return kernel if self.criteria else self.given
