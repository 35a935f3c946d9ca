"""`sample`: a kernel and a solver put together."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from pmcmc._arguments import as_task, check_is_tuned, warmup_key
from pmcmc._chain.draws import Draws
from pmcmc._chain.evidence import Evidence
from pmcmc._chain.problem import exported_state
from pmcmc._planning.runner import AutoRunner, make_runner
from pmcmc._planning.stages import warm_up
from pmcmc._result import Result, RunInfo
from pmcmc._util.checks import check_count, short
from pmcmc._util.progress import Progress
from pmcmc.kernels import Kernel
from pmcmc.solvers import Auto, Outcome, Solver, as_solver

_DEFAULT_WARMUP = 2000
_DEFAULT_WARMUP_PER_DIM = 10


def sample(
    logdensity: Callable[[Any], jax.Array] | None,
    x0: Any,
    n_steps: int,
    *,
    kernel: Kernel | str | None = None,
    solver: Solver | Auto | str = "auto",
    n_chains: int = 1,
    chain_method: str = "auto",
    n_warmup: int | None = None,
    thin: int = 1,
    gradient_mode: str = "auto",
    rng_key: jax.Array | int = 0,
    progress: bool | None = None,
) -> Result:
    """Sample a log density by Markov chain Monte Carlo, in parallel over the length of the chain.

    The chain is a function of `rng_key`, kernel and start: the noise of step `t` of chain `c` is
    drawn with `fold_in(fold_in(rng_key, c), t)`. Solvers differ in how they find the chain that
    this noise drives, not in the chain.

    Args:
        logdensity: log density up to a constant, from a position to a real scalar. Pass the same
            function again to use what has been compiled for it; as with `jax.jit`, data that it
            closes over are read the first time only. `model.logdensity` of an object and
            `functools.partial(...)` are new functions each time they are written down: they are
            read anew, and compiled anew, unless you keep them in a variable. Programs go when the
            function goes. `None` for a `CustomKernel` without one.
        x0: start, a pytree of float arrays. With `n_chains > 1` each leaf has a leading axis of
            that length, one start a chain; with one chain it has none, and all axes are part of
            the position. The device that it lives on runs the chain.
        n_steps: number of steps of each chain.
        kernel: the transition, e.g. `pmcmc.MALA(step_size=0.01)`, of `pmcmc.kernels`; `"mala"`
            (also `None`), `"hmc"`, `"barker"`, `"random_walk"` or `"surrogate_hmc"` for one with a
            step size and a metric found in the warm-up.
        solver: `"auto"` for what turns out to be fastest (see `pmcmc.Auto`), `"sequential"`,
            `"speculative"`, `"quasi"`, `"newton"`, ... (all are in `pmcmc.solvers.PRESETS`), or an
            instance such as `pmcmc.ParallelNewton(window=128)`.
        n_chains: number of independent chains.
        chain_method: how several chains share the device: `"parallel"` for one chain a thread on a
            CPU, `"vectorized"` for all under `jax.vmap`, `"sequential"` for one after another,
            `"auto"` for what turns out to be fastest, measured on the first steps of the chains
            (see `info.chain_method`). It changes the chains by rounding only.
        n_warmup: steps before the draws, dropped, in which the step size of the kernel is tuned,
            if it has an acceptance rate to aim at, and its metric, if none was given; `None` for 0
            where `kernel` is an instance, and else for 2,000, or 10 times the numbers in a position
            where that is more. `pmcmc.warmup` has choices.
        thin: keep every `thin`-th step.
        gradient_mode: how JAX differentiates the log density: `"reverse"`; `"forward"`, which is
            faster where there are few parameters and a loop inside; or `"auto"` to time both, where
            there are at most 30 numbers in a position, a loop, no callback, and where the gradients
            of the run take 3 s or more. They differ in rounding: choose one where two runs have to
            agree in every bit.
        rng_key: a key of `jax.random`, or an integer seed.
        progress: show a line on stderr; `None` to show it where stderr is a terminal.

    Returns:
        Draws with leading axes `(chain, draw)`, statistics of each, and a record of the run.

    Raises:
        ValueError: an argument cannot be used; the message says why and what to write.
        RuntimeError: a callback in the log density or the kernel raised an exception, which is the
            cause; the message says where the chains were.
    """
    n_steps = check_count("n_steps", n_steps)
    n_chains = check_count("n_chains", n_chains)
    thin = check_count("thin", thin)
    if thin > n_steps:
        raise ValueError(f"thin must be at most n_steps={n_steps}, got {thin}: write thin=1.")
    n_warmup = _as_n_warmup(n_warmup, kernel, x0, n_chains)
    solver = as_solver(solver)

    with Progress(progress, n_chains) as line:
        line.say("preparing")
        started = time.perf_counter()
        metric = "auto" if n_warmup else None
        task = as_task(
            logdensity,
            x0,
            kernel,
            n_chains,
            rng_key,
            metric,
            chain_method=chain_method,
            n_steps=n_warmup + n_steps,
            gradient_mode=gradient_mode,
        )
        if not n_warmup:
            check_is_tuned(task)
        positions = task.problem.positions
        runner = make_runner(task, solver, n_steps, n_warmup + n_steps, n_warmup // 2)
        seconds_setup = time.perf_counter() - started

        line.say("compiling")
        started = time.perf_counter()
        transition = task.kernel
        runner.compile(transition, positions, task.rng_key)
        seconds_compile = time.perf_counter() - started

        started = time.perf_counter()
        report = None
        if n_warmup:
            tuned = warm_up(
                task,
                solver,
                runner,
                positions,
                warmup_key(task.rng_key),
                n_warmup,
                n_steps,
                line.count("warm-up", n_warmup),
            )
            runner, transition, positions, report = tuned[:4]
        seconds_warmup = time.perf_counter() - started

        started = time.perf_counter()
        add = line.count("sampling", n_steps)
        draws = Draws(n_steps, thin)
        evidence = Evidence.none(n_chains)
        for segment in runner.run(transition, positions, task.rng_key, 0, n_steps):
            draws.append(segment)
            evidence = evidence.add(segment)
            positions = segment.last
            add(segment.positions.shape[1])
        seconds_run = time.perf_counter() - started

    atol, rtol = runner.tolerances(positions.dtype)
    outcomes = [evidence.outcome] if report is None else [evidence.outcome, report.outcome]
    return Result(
        positions=task.problem.unravel(draws.positions),
        stats=draws.stats | _constants(transition, draws.stats),
        info=RunInfo(
            kernel=task.given if report is None else task.restored(transition),
            solver=runner.solver,
            device=str(positions.device),
            dtype=np.dtype(positions.dtype),
            n_steps=n_steps,
            thin=thin,
            rng_key=np.asarray(jax.random.key_data(task.rng_key)),
            rng_key_impl=str(jax.random.key_impl(task.rng_key)),
            sweeps=evidence.sweeps,
            work_per_step=evidence.evaluations / n_steps,
            logdensity_evaluations=evidence.calls,
            gradient_evaluations=evidence.calls * transition.uses_gradient,
            jacobian_products=evidence.products,
            sequential_steps=evidence.sequential_steps,
            residual=evidence.residual,
            scaled_residual=evidence.scaled_residual,
            outcome=[Outcome(max(codes)) for codes in zip(*outcomes, strict=True)],
            sweep_log=evidence.sweep_log,
            atol=float(atol),
            rtol=float(rtol),
            warmup=report,
            chain_method=runner.layouts.chain_method,
            gradient_mode=task.problem.gradient_mode(transition),
            gradient_seconds=dict(task.problem.gradient_seconds),
            plan=runner.plan if isinstance(runner, AutoRunner) else None,
            seconds_compile=seconds_compile,
            seconds_setup=seconds_setup,
            seconds_warmup=seconds_warmup,
            seconds_run=seconds_run,
        ),
        final_state=exported_state(task.problem, transition, positions),
    )


def _constants(kernel: Kernel, stats: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Statistics that are the same in every step."""
    step_size = kernel.tunable("step_size")
    if step_size is None:
        return {}
    return {"step_size": np.full_like(stats["acceptance_rate"], step_size)}


def _as_n_warmup(n_warmup: int | None, kernel: Kernel | str | None, x0: Any, n_chains: int) -> int:
    is_tuned = isinstance(kernel, Kernel)
    if n_warmup is None:
        dim = sum(map(np.size, jax.tree.leaves(x0))) // n_chains
        return 0 if is_tuned else max(_DEFAULT_WARMUP, _DEFAULT_WARMUP_PER_DIM * dim)
    n_warmup = check_count("n_warmup", n_warmup, minimum=0)
    if n_warmup == 0 and not is_tuned:
        raise ValueError(
            f"n_warmup=0 leaves the step size of kernel={short(kernel)} untuned: write an "
            "instance such as kernel=pmcmc.MALA(step_size=0.01), or n_warmup=2000."
        )
    return n_warmup
