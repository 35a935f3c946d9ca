"""The arguments that all front doors share, checked: log density, start, kernel, key."""

from typing import Any

import jax
import numpy as np

from pmcmc._adaptation.criteria import criteria_of
from pmcmc._adaptation.criteria.base import Choices
from pmcmc._chain.chain_method import check_chain_method, check_device
from pmcmc._chain.checked import as_problem, check_start, check_surrogate
from pmcmc._chain.fitting import Fitting
from pmcmc._chain.gradient import check_gradient_mode, with_faster_mode, with_possible_mode
from pmcmc._chain.mesh import checked_mesh, spans_processes
from pmcmc._chain.problem import with_dtype
from pmcmc._chain.starts import forgotten_n_chains
from pmcmc._planning.task import Task, layouts_to_try
from pmcmc._util.checks import short
from pmcmc._util.keys import as_key
from pmcmc.kernels import HMC, MALA, Barker, Kernel, RandomWalkMetropolis, SurrogateHMC

# These step sizes are only where the search of the warm-up starts.
_TUNED_KERNELS: dict[str, Kernel] = {
    "mala": MALA(step_size=0.1),
    "hmc": HMC(step_size=0.1, num_integration_steps=8, jitter=0.75),
    "random_walk": RandomWalkMetropolis(step_size=0.1),
    "barker": Barker(step_size=0.1),
    "surrogate_hmc": SurrogateHMC(),
}
_WARMUP_STREAM = np.uint32(2**32 - 1)  # no chain has this index


def as_task(
    logdensity: Any,
    x0: Any,
    kernel: Kernel | str | None,
    n_chains: int,
    rng_key: jax.Array | int,
    metric: str | None = "auto",
    target_acceptance_rate: float | None = None,
    chain_method: str = "auto",
    gradient_mode: str = "auto",
    n_steps: float = 0,
    mesh: Any = None,
) -> Task:
    """Check the arguments, and choose the gradient mode.

    Args:
        logdensity: as in `sample`.
        x0: as in `sample`.
        kernel: as in `sample`.
        n_chains: as in `sample`.
        rng_key: as in `sample`.
        metric: as in `warmup`.
        target_acceptance_rate: as in `warmup`.
        chain_method: as in `sample`.
        gradient_mode: as in `sample`.
        n_steps: most steps that a chain may take, warm-up included.
        mesh: as in `sample`.

    Raises:
        ValueError: an argument cannot be used; the message says why and what to write.
    """
    chain_method = check_chain_method(chain_method)
    check_gradient_mode(gradient_mode)
    given = _as_kernel(kernel)
    key = as_key(rng_key)
    try:
        problem = as_problem(logdensity, x0, n_chains, given)
        check_device(chain_method, problem.device)
        flat = given.flatten(problem.unravel_one)
        dim = problem.positions.shape[1]
        goal, first = flat, flat.preliminary(dim)
        flat = goal if first is None else first
        criteria = criteria_of(flat, dim, Choices(metric, target_acceptance_rate))
        flat = with_dtype(flat, problem.positions.dtype)
        for criterion in criteria:
            flat = criterion.prepare(flat, dim)
        layout = layouts_to_try(problem, chain_method, n_steps, flat.uses_gradient)[0]
        problem = with_possible_mode(problem, flat, gradient_mode, layout)
        check_start(problem, flat)
        if mesh is not None:
            mesh = checked_mesh(mesh, n_chains, problem.logdensity, chain_method)
    except ValueError as error:
        n_starts = forgotten_n_chains(logdensity, x0, given) if n_chains == 1 else None
        if n_starts is None:
            raise
        raise ValueError(
            f"x0 seems to hold {n_starts} starts: with n_chains=1 all of its axes belong to one "
            f"position, which does not fit ({error}). Write n_chains={n_starts}."
        ) from error
    surrogate = flat.surrogate_of_logdensity()
    if surrogate is not None:
        check_surrogate(surrogate, problem.positions[0], type(flat).__name__)
    # Several processes would measure different times and disagree.
    if gradient_mode == "auto" and not spans_processes(mesh):
        problem = with_faster_mode(problem, flat, n_steps, layout)
    if problem.positions.committed:
        key = jax.device_put(key, problem.positions.device)
    task = Task(problem, given, flat, criteria, key, chain_method, mesh=mesh, programs={})
    return task if first is None else task._replace(goal=goal, fitting=Fitting(dim, False))


def check_is_tuned(task: Task) -> None:
    """Check that a kernel can be run without a warm-up.

    Raises:
        ValueError: it cannot.
    """
    if task.goal is not None:
        raise ValueError(
            f"the surrogate of kernel={short(task.given)} is fitted in the warm-up, but there is "
            "no warm-up: write n_warmup=2000, or SurrogateHMC(surrogate) with your own surrogate."
        )


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
    instead = "kernel='mala'"
    if isinstance(name, str) and name.lower() == "nuts":
        instead = (
            "kernel='hmc', or pass the result of pmcmc.burn_in to NumPyro's or BlackJAX's NUTS"
        )
    raise ValueError(
        f"kernel must be None, one of {names}, or an instance such as pmcmc.MALA(step_size=0.01), "
        f"got {short(kernel)}: write {instead}."
    )
