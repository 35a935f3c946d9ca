"""`burn_in`: from far away to where other samplers can go on."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._adaptation.report import WarmupReport
from pmcmc._adaptation.stationarity import lost_chains, rhat
from pmcmc._arguments import as_task
from pmcmc._chain.problem import exported_state
from pmcmc._util.checks import check_above, check_count, check_flag, short
from pmcmc._warmup import tune
from pmcmc.kernels import Kernel
from pmcmc.solvers import Auto, Solver, as_solver


class BurnIn(NamedTuple):
    """Where the chains are after a burn-in, and what was tuned on the way.

    Args:
        position: positions with the structure of `x0`, a leading chain axis where `x0` has one.
        n_chains: number of chains; with one chain there is no chain axis.
        kernel: with the tuned step size and metric.
        is_stationary: whether all halves of the chains look alike.
        rhat: largest R-hat of a coordinate in each round.
        restarted: chains of each round that were lost and were restarted where another one was.
        is_exact: whether every step was within tolerance. Sweeps that are stopped early
            (`ParallelNewton(max_sweeps=..., fallback=None)`) bring chains near a target that pulls
            back from everywhere, but their draws must not be kept.
        reports: record of the windows of each round.
    """

    position: Any
    n_chains: int
    kernel: Kernel
    is_stationary: bool
    rhat: np.ndarray
    restarted: tuple[tuple[int, ...], ...]
    is_exact: bool
    reports: tuple[WarmupReport, ...]

    @property
    def parameters(self) -> dict[str, Any]:
        """Hyperparameters of Hamiltonian samplers, with the names that BlackJAX and NumPyro use.

        `inverse_mass_matrix`, shape `(D,)` or `(D, D)`, in the order of
        `jax.flatten_util.ravel_pytree`, and `step_size` of a leapfrog step, which is left out if
        the kernel does not know it (see `Kernel.leapfrog_step_size`).
        """
        dim = sum(map(np.size, jax.tree.leaves(self.position))) // self.n_chains
        metric = self.kernel.tunable("inverse_mass_matrix")
        found: dict[str, Any] = {"inverse_mass_matrix": np.ones(dim) if metric is None else metric}
        step_size = self.kernel.leapfrog_step_size(dim)
        return found if step_size is None else {"step_size": step_size, **found}

    def __repr__(self) -> str:
        rounds = ", ".join(f"{rhat:.3f}" for rhat in self.rhat)
        state = "stationary" if self.is_stationary else "NOT STATIONARY: take more rounds or steps"
        exact = "" if self.is_exact else "; sweeps were stopped early: do not keep draws"
        lost = sum(map(len, self.restarted))
        lost_text = f"; {lost} times a chain was lost and restarted" if lost else ""
        return (
            f"pmcmc.BurnIn: {state} (largest R-hat by round: {rounds}){lost_text}{exact}\n"
            f"  kernel  {self.kernel}\n"
            f"  steps   {sum(int(report.n_steps.sum()) for report in self.reports):,} a chain"
        )


def burn_in(
    logdensity: Callable[[Any], jax.Array],
    x0: Any,
    *,
    kernel: Kernel | str | None = None,
    n_steps: int = 1000,
    max_rounds: int = 5,
    max_rhat: float = 1.05,
    solver: Solver | Auto | str = "auto",
    n_chains: int = 1,
    chain_method: str = "auto",
    metric: str | None = "auto",
    target_acceptance_rate: float | None = None,
    init_to_mode: bool = False,
    gradient_mode: str = "auto",
    rng_key: jax.Array | int = 0,
    progress: bool | None = None,
) -> BurnIn:
    """Bring chains from far away to the mass of the target, where other samplers can continue.

    It runs rounds of a warm-up, each twice as long as the last and continuing from it. It stops
    when the positions of the longest phase (with surrogates, of the last round) look stationary:
    the rank-normalized split R-hat is at most `max_rhat` in every coordinate. It returns positions,
    a metric and a step size; `pmcmc.adapters` makes initial states for NumPyro's and BlackJAX's
    samplers from them, which then need no warm-up.

    A chain is lost if its log density always stays more than ten standard deviations below the mean
    of the best chain: it is in a mode without mass, which it may never leave. It is restarted from
    the position of a chain that is not lost, and `restarted` names it. This adds no bias,
    since no draws are kept.

    Args:
        logdensity: as in `pmcmc.sample`.
        x0: as in `pmcmc.sample`.
        kernel: as in `pmcmc.warmup`.
        n_steps: number of steps of the first round.
        max_rounds: number of rounds after which to stop in any case.
        max_rhat: largest R-hat that counts as stationary (ArviZ's rank-normalized split R-hat).
        solver: as in `pmcmc.sample`. Sweeps that stop early are allowed here, and the result is
            marked.
        n_chains: as in `pmcmc.sample`.
        chain_method: as in `pmcmc.sample`.
        metric: as in `pmcmc.warmup`.
        target_acceptance_rate: as in `pmcmc.warmup`.
        init_to_mode: as in `pmcmc.warmup`.
        gradient_mode: as in `pmcmc.sample`.
        rng_key: as in `pmcmc.sample`; each round has its own noise.
        progress: as in `pmcmc.sample`.

    Raises:
        ValueError: an argument cannot be used, or no step size reaches the target acceptance rate;
            the message says why and what to write.
    """
    n_steps = check_count("n_steps", n_steps)
    max_rounds = check_count("max_rounds", max_rounds)
    n_chains = check_count("n_chains", n_chains)
    check_above("max_rhat", max_rhat, 1.0, "a number above 1", "max_rhat=1.05")
    check_flag("init_to_mode", init_to_mode)
    solver = as_solver(solver)
    choices = (metric, target_acceptance_rate, chain_method, gradient_mode, n_steps)
    task = as_task(logdensity, x0, kernel, n_chains, rng_key, *choices)
    if not any(criterion.tunes == "step_size" for criterion in task.criteria):
        raise ValueError(
            f"kernel must have a step size to tune, got {short(kernel)}: write kernel='mala'."
        )
    rhats: list[float] = []
    reports: list[WarmupReport] = []
    restarted: list[tuple[int, ...]] = []
    for i in range(max_rounds):
        tuned = tune(task, solver, n_steps * 2**i, init_to_mode and i == 0, progress)
        rhats.append(_largest_rhat(tuned.kept["positions"]))
        reports.append(tuned.report)
        values = tuned.kept.get("logdensity")  # not reported by every kernel
        lost = np.zeros(n_chains, bool) if values is None else lost_chains(values)
        restarted.append(tuple(np.flatnonzero(lost).tolist()))
        sources = np.flatnonzero(~lost)[np.arange(n_chains) % np.count_nonzero(~lost)]
        rows = np.where(lost, sources, np.arange(n_chains))
        task = task._replace(
            problem=task.problem._replace(positions=tuned.positions[rows]),
            kernel=tuned.kernel if task.goal is None else task.kernel,
            rng_key=jax.random.fold_in(task.rng_key, i),
        )
        if rhats[-1] <= max_rhat:
            break
    return BurnIn(
        position=exported_state(task.problem, tuned.kernel, task.problem.positions).position,
        n_chains=n_chains,
        kernel=task.restored(tuned.kernel),
        is_stationary=rhats[-1] <= max_rhat,
        rhat=np.array(rhats),
        restarted=tuple(restarted),
        is_exact=all(bool(report.converged.all()) for report in reports),
        reports=tuple(reports),
    )


def _largest_rhat(draws: np.ndarray) -> float:
    return float(rhat(draws).max()) if draws.shape[1] >= 4 else math.inf
