"""`warmup`: a kernel tuned, and chains brought to where the target has its mass."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from pmcmc._adaptation.report import WarmupReport
from pmcmc._adaptation.windows import Tuned
from pmcmc._arguments import as_task, warmup_key
from pmcmc._chain.mode import climb_all
from pmcmc._chain.problem import exported_state
from pmcmc._planning.make import make_runner
from pmcmc._planning.stages import warm_up
from pmcmc._planning.task import Task
from pmcmc._util.checks import check_count, check_flag, first_line, short
from pmcmc._util.progress import Progress
from pmcmc.kernels import Kernel
from pmcmc.solvers import Auto, Solver, as_solver


class Warmup(NamedTuple):
    """Result of a warm-up.

    Args:
        state: the kernel's state after the last step, positions with the structure of `x0`.
        kernel: with the tuned step size and metric.
        report: record of its windows.
    """

    state: Any
    kernel: Kernel
    report: WarmupReport


def warmup(
    logdensity: Callable[[Any], jax.Array],
    x0: Any,
    *,
    kernel: Kernel | str | None = None,
    n_steps: int = 1000,
    solver: Solver | Auto | str = "auto",
    n_chains: int = 1,
    chain_method: str = "auto",
    metric: str | None = "auto",
    target_acceptance_rate: float | None = None,
    init_to_mode: bool = False,
    gradient_mode: str = "auto",
    rng_key: jax.Array | int = 0,
    progress: bool | None = None,
) -> Warmup:
    """Tune a kernel, and bring chains to the mass of the target.

    A warm-up consists of windows with fixed parameters, which any solver can evaluate, in Stan's
    schedule of fast and slow phases. Between windows, dual averaging updates the step size. At the
    end of a slow phase, the metric is estimated from the draws of the phase and the gradients
    there, with all chains together. Where the chains forget their start, the result does not depend
    on the solver, to within its tolerance. Continue with `sample(logdensity, result.state.position,
    n_steps, kernel=result.kernel, ...)` and another `rng_key`.

    Args:
        logdensity: as in `sample`.
        x0: as in `sample`.
        kernel: as in `sample`; if it is an instance, tuning begins there, and `metric="auto"` keeps
            a metric that it has.
        n_steps: number of steps of each chain.
        solver: as in `sample`.
        n_chains: as in `sample`.
        chain_method: as in `sample`.
        metric: kind of `inverse_mass_matrix` to estimate: `"diagonal"`, `"dense"`, `None` for none,
            `"auto"` for a dense one in up to 50 dimensions if the kernel allows it.
        target_acceptance_rate: `None` for the kernel's own: 0.574 (MALA), 0.8 (HMC), 0.234 (random
            walk; 0.44 in one dimension), 0.4 (Barker).
        init_to_mode: whether every chain first climbs toward the mode, unless that does not help.
            Leave it off if the mode is far from the mass (funnels).
        gradient_mode: as in `sample`.
        rng_key: as in `sample`; the noise is different.
        progress: as in `sample`.

    Raises:
        ValueError: an argument cannot be used, or no step size reaches the target acceptance rate;
            the message says why and what to write.
    """
    n_steps = check_count("n_steps", n_steps)
    n_chains = check_count("n_chains", n_chains)
    check_flag("init_to_mode", init_to_mode)
    solver = as_solver(solver)
    choices = (metric, target_acceptance_rate, chain_method, gradient_mode, n_steps)
    task = as_task(logdensity, x0, kernel, n_chains, rng_key, *choices)
    if not task.criteria:
        raise ValueError(
            f"kernel must have something to tune, got {short(kernel)}: write kernel='mala', or "
            "sample(..., n_warmup=...) to drop the first steps."
        )
    tuned = tune(task, solver, n_steps, init_to_mode, progress)
    state = exported_state(task.problem, tuned.kernel, tuned.positions)
    return Warmup(state, task.restored(tuned.kernel), tuned.report)


def tune(
    task: Task, solver: Solver | Auto, n_steps: int, init_to_mode: bool, progress: bool | None
) -> Tuned:
    """Run the windows of a warm-up on a checked task."""
    positions = task.problem.positions
    with Progress(progress, len(positions)) as line:
        line.say("preparing")
        if init_to_mode:
            positions = _modes(task)
        runner = make_runner(task, solver, n_steps, n_steps, n_steps // 2)
        line.say("compiling")
        runner.compile(task.kernel, positions, task.rng_key)
        return warm_up(
            task,
            solver,
            runner,
            positions,
            warmup_key(task.rng_key),
            n_steps,
            n_steps,
            line.count("warm-up", n_steps, 0, runner),
        )


def _modes(task: Task) -> jax.Array:
    try:
        summits = climb_all(task.problem.logdensity, task.problem.positions)
        return jax.block_until_ready(summits.position)
    except Exception as error:
        raise ValueError(
            f"the search for the mode from x0 failed ({first_line(error)}): write "
            "init_to_mode=False."
        ) from error
