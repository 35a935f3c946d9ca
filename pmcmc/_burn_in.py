"""`burn_in`: from far away to where other samplers can go on."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._adaptation.report import WarmupReport
from pmcmc._adaptation.rows import Rows
from pmcmc._adaptation.stationarity import lost_chains, rhat
from pmcmc._arguments import as_task
from pmcmc._chain.problem import exported_state
from pmcmc._util.checks import check_above, check_count, check_flag, short
from pmcmc._warmup import tune
from pmcmc.kernels import Kernel
from pmcmc.solvers import Auto, Solver, as_solver


class BurnIn(NamedTuple):
    """Where chains are after a burn-in, and what was learned on the way.

    Args:
        position: positions with the structure of `x0`, a leading chain axis where `x0` has one.
        n_chains: their number; with one chain there is no chain axis.
        kernel: with the step size and the metric that were found.
        is_stationary: whether no half of a chain can be told from the others any more.
        rhat: largest R-hat of a coordinate in each round.
        restarted: chains of each round that had got lost and were sent to where another one was.
        is_exact: whether every step was within tolerance. Sweeps that are stopped early
            (`ParallelNewton(max_sweeps=..., fallback=None)`) bring chains near a target that pulls
            back from everywhere, but not to draws to keep.
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
        """Hyperparameters of Hamiltonian samplers, by the names that BlackJAX and NumPyro share.

        `inverse_mass_matrix`, shape `(D,)` or `(D, D)`, in the order of
        `jax.flatten_util.ravel_pytree`, and `step_size` of a leapfrog step, which is left out where
        the kernel does not tell it (see `Kernel.leapfrog_step_size`).
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
    """Bring chains from far away to where the target has its mass, for other samplers to go on.

    Rounds of a warm-up, each twice as long as the one before and going on from it, until the
    positions of its longest phase look stationary: an R-hat, rank-normalized and split, of at most
    `max_rhat` in every coordinate. What comes out are positions, a metric and a step size;
    `pmcmc.adapters` makes them the initial states of NumPyro's and BlackJAX's samplers, which need
    no warm-up of their own.

    A chain that got lost, its log density always more than ten standard deviations below the mean
    of the best chain, goes on from the position of one that did not: it sits in a mode without
    mass, which it may not leave in any time. No draws are kept, so none are biased; `restarted`
    names such chains.

    Args:
        logdensity: as in `pmcmc.sample`.
        x0: as in `pmcmc.sample`.
        kernel: as in `pmcmc.warmup`.
        n_steps: of the first round.
        max_rounds: after which to stop, stationary or not.
        max_rhat: largest R-hat that counts as stationary; ArviZ's, rank-normalized and split.
        solver: as in `pmcmc.sample`. Sweeps that are stopped early are allowed here, and marked.
        n_chains: as in `pmcmc.sample`.
        chain_method: as in `pmcmc.sample`.
        metric: as in `pmcmc.warmup`.
        target_acceptance_rate: as in `pmcmc.warmup`.
        init_to_mode: as in `pmcmc.warmup`.
        gradient_mode: as in `pmcmc.sample`.
        rng_key: as in `pmcmc.sample`; each round has noise of its own.
        progress: as in `pmcmc.sample`.

    Raises:
        ValueError: an argument cannot be used, or no step size is accepted as often as is aimed at;
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
        lost = lost_chains(_logdensity(tuned.kept))
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


def _logdensity(rows: Rows) -> np.ndarray:
    """Log densities, NaN where the kernel does not report them."""
    return rows.get("logdensity", np.full(rows["positions"].shape[:2], math.nan))


def _largest_rhat(draws: np.ndarray) -> float:
    return float(rhat(draws).max()) if draws.shape[1] >= 4 else math.inf
