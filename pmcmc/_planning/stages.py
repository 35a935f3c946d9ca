"""The warm-up of a kernel, which may start with another kernel."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from pmcmc._adaptation.rounds import ROUNDS, fitted, run_rounds
from pmcmc._adaptation.schedule import WINDOWS_OF_PHASE, windows_before_another_kernel
from pmcmc._adaptation.stationarity import lost_chains
from pmcmc._adaptation.windows import Tuned, run_windows
from pmcmc._chain.segment import Segment
from pmcmc._planning.make import make_runner
from pmcmc._planning.task import Task
from pmcmc.solvers import Auto, Solver


def warm_up(
    task: Task,
    solver: Solver | Auto,
    runner: Any,
    positions: jax.Array,
    rng_key: jax.Array,
    n_warmup: int,
    n_steps: int,
    on_segment: Callable[[Segment], None],
    followed: Callable[[Any], Any] = lambda runner: runner,
) -> Tuned:
    """Tune the kernel of a task.

    Args:
        task: what is sampled.
        solver: as the user wrote it.
        runner: of the task.
        positions: starts, shape `(chain, D)`.
        rng_key: of the noise of the warm-up.
        n_warmup: number of warm-up steps.
        n_steps: number of steps after the warm-up.
        on_segment: called with each segment of steps.
        followed: wraps a runner that the warm-up makes, before it is used.

    Raises:
        ValueError: for a tuned parameter, no value works for the chains, or there are too few
            steps for the rounds of a surrogate.
    """
    is_only = task.goal is None
    n_first = n_warmup if is_only else -(-n_warmup // 2)
    if not is_only and n_warmup - n_first < ROUNDS:
        raise ValueError(
            f"n_warmup must be at least {2 * ROUNDS} where it fits a surrogate, got {n_warmup}: "
            "write n_warmup=2000."
        )
    dim = positions.shape[1]
    n_windows = WINDOWS_OF_PHASE if is_only else windows_before_another_kernel(dim)
    tuned = run_windows(
        runner, task.kernel, positions, rng_key, n_first, task.criteria, on_segment, n_windows
    )
    if task.goal is None or task.fitting is None:
        return tuned
    metric = tuned.kernel.tunable("inverse_mass_matrix")
    draws = tuned.kept["positions"]
    if "logdensity" in tuned.kept:
        draws = draws[~lost_chains(tuned.kept["logdensity"])]
    goal: Any = task.goal
    kernel = dataclasses.replace(goal, inverse_mass_matrix=metric)
    fitting = task.fitting
    tunes_metric = any(criterion.tunes == "inverse_mass_matrix" for criterion in task.criteria)
    kernel = fitted(kernel, fitting, draws.reshape(-1, draws.shape[-1]), tunes_metric)
    task = task.at(tuned.positions)._replace(kernel=kernel, criteria=(), goal=None)
    n_left = n_warmup - n_first
    runner = followed(make_runner(task, solver, n_steps, n_left + n_steps, n_left))
    rounds = run_rounds(
        runner,
        kernel,
        tuned.positions,
        rng_key,
        n_first,
        n_left,
        fitting,
        on_segment,
        tunes_metric,
    )
    report = tuned.report.followed_by(rounds.report)
    return Tuned(runner, rounds.kernel, rounds.positions, report, rounds.kept)
