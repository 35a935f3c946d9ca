"""Making the runner for a solver, which the user chose or which is still to be chosen."""

from jax.sharding import Mesh

from pmcmc._chain.density import evaluations_at_once
from pmcmc._chain.mesh import TIME, size
from pmcmc._chain.runner import Runner
from pmcmc._planning.runner import AutoRunner
from pmcmc._planning.task import Task
from pmcmc.solvers import Auto, Clip, ParallelNewton, Sequential, Solver, Speculative


def make_runner(
    task: Task, solver: Solver | Auto, n_steps: int, n_total: int, n_settling: int
) -> Runner | AutoRunner:
    """The runner for a solver.

    Args:
        task: what is sampled.
        solver: the solver.
        n_steps: number of steps of the chain that the solver is prepared for.
        n_total: the same plus the steps of a warm-up before.
        n_settling: number of steps after which the parameters of the kernel are about right.
    """
    at_once = evaluations_at_once(task.problem.logdensity)
    if not isinstance(solver, Solver) and at_once is not None:
        # There is nothing to measure: of the parallel solvers, only speculation works here.
        is_useful = at_once > len(task.problem.positions) and task.kernel.parts() is not None
        solver = Speculative() if is_useful else Sequential()
    if not isinstance(solver, Solver) and task.mesh is not None:
        solver = _on_mesh(task, task.mesh)
    if isinstance(solver, Solver):
        return task.runner(solver, task.kernel, n_steps, n_total)
    return AutoRunner(task, n_total, n_settling)


def _on_mesh(task: Task, mesh: Mesh) -> Solver:
    """A solver that uses all devices.

    It is chosen without timings, since several processes would not agree on the fastest solver.

    Args:
        task: what is sampled.
        mesh: of devices.
    """
    if size(mesh, TIME) == 1:
        return Sequential()
    return ParallelNewton(damping=Clip()) if task.kernel.parts() is None else Speculative()
