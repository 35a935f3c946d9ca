"""`plan`: what `solver="auto"` would choose, without sampling."""

import math
import time
from collections.abc import Callable
from typing import Any

import jax

from pmcmc._arguments import as_task, check_is_tuned
from pmcmc._chain.runner import Runner
from pmcmc._planning.choice import Plan
from pmcmc._planning.pilot import measure
from pmcmc._planning.runner import MEASURED_STEPS, PILOT_SHARE
from pmcmc._util.checks import check_count
from pmcmc._util.progress import Progress
from pmcmc._warmup import tune
from pmcmc.kernels import Kernel
from pmcmc.solvers import Sequential

_TUNING_STEPS = 300
_ANY_LENGTH = 10**9  # steps


def plan(
    logdensity: Callable[[Any], jax.Array] | None,
    x0: Any,
    n_steps: int | None = None,
    *,
    kernel: Kernel | str | None = None,
    n_chains: int = 1,
    chain_method: str = "auto",
    gradient_mode: str = "auto",
    rng_key: jax.Array | int = 0,
    progress: bool | None = None,
) -> Plan:
    """Measure what is fastest for a chain; print the result to see why.

    A kernel given by name is tuned for 300 steps first. A candidate that raises an exception is
    dropped, unless it is the loop, and the plan says why.

    Args:
        logdensity: as in `pmcmc.sample`.
        x0: as in `pmcmc.sample`; ideally a position from after the warm-up of a chain.
        n_steps: length of the chain to plan for, of which the pilot may cost 5 %; `None` for a
            pilot of any cost.
        kernel: as in `pmcmc.sample`.
        n_chains: number of independent chains.
        chain_method: as in `pmcmc.sample`.
        gradient_mode: as in `pmcmc.sample`.
        rng_key: a key of `jax.random`, or an integer seed.
        progress: as in `pmcmc.sample`.

    Raises:
        ValueError: an argument cannot be used; the message says why and what to write.
    """
    n_chains = check_count("n_chains", n_chains)
    if n_steps is not None:
        n_steps = check_count("n_steps", n_steps)
    is_tuned = isinstance(kernel, Kernel)
    metric = None if is_tuned else "auto"
    task = as_task(
        logdensity,
        x0,
        kernel,
        n_chains,
        rng_key,
        metric,
        chain_method=chain_method,
        n_steps=math.inf if n_steps is None else n_steps,
        gradient_mode=gradient_mode,
    )
    flat, positions = task.kernel, task.problem.positions
    if is_tuned:
        check_is_tuned(task)
    else:
        tuned = tune(task, Sequential(), _TUNING_STEPS, False, progress)
        flat, positions = tuned.kernel, tuned.positions
    with Progress(progress, n_chains) as line:
        line.say("measuring")
        runner = task.runner(Sequential(), flat, MEASURED_STEPS, n_steps or _ANY_LENGTH)
        loop = _seconds_per_step(runner, flat, positions, task.rng_key)
        budget = float("inf") if n_steps is None else PILOT_SHARE * n_steps * loop
        task = task._replace(layout=runner.layouts.current)
        found = measure(task, flat, positions, task.rng_key, 0, loop, budget)
        return found._replace(chain_method=runner.layouts.chain_method)


def _seconds_per_step(
    runner: Runner, kernel: Kernel, positions: jax.Array, rng_key: jax.Array
) -> float:
    """Seconds per step of the loop, in the fastest layout of the chains."""
    runner.compile(kernel, positions, rng_key)
    seconds, done = math.inf, 0
    while not done or not runner.layouts.is_settled:
        size = runner.piece(runner.length if runner.layouts.is_open else MEASURED_STEPS)
        started = time.perf_counter()
        positions = runner.advance(kernel, positions, rng_key, done, size).last
        seconds = min(seconds, (time.perf_counter() - started) / size)
        done += size
    return seconds
