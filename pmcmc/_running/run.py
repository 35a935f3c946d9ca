"""A run, from its arguments to its result."""

import contextlib

import jax
import numpy as np

from pmcmc._chain.keep import no_rows
from pmcmc._chain.mesh import device_name
from pmcmc._chain.problem import exported_state
from pmcmc._planning.runner import AutoRunner
from pmcmc._planning.task import Task
from pmcmc._result import Result
from pmcmc._run_info import RunInfo
from pmcmc._running.request import Request
from pmcmc._running.start import Start, taken_up, warmed_up
from pmcmc._running.steps import Steps
from pmcmc._store.record import Record
from pmcmc._store.storage import Checkpoint
from pmcmc._util.progress import Progress
from pmcmc.kernels import Kernel
from pmcmc.solvers import Outcome


def run(
    request: Request, task: Task, record: Record | None, line: Progress, seconds_setup: float
) -> Result:
    """Take all steps that are not in the record yet.

    Args:
        request: the arguments of the run.
        task: the same arguments, checked, see `Request.task`.
        record: the run on disk, if it is stored.
        line: shows the progress.
        seconds_setup: time spent on setup so far.

    Raises:
        KeyboardInterrupt: Ctrl-C, unless a record keeps the draws so far.
        RuntimeError: a callback raised an exception; or the record cannot be written, or is in use.
    """
    with contextlib.nullcontext() if record is None else record.folder.reserved():
        return _run(request, task, record, line, seconds_setup)


def _run(
    request: Request, task: Task, record: Record | None, line: Progress, seconds_setup: float
) -> Result:
    tuned = None if record is None else record.tuned
    if record is None or tuned is None:
        start = warmed_up(request, task, record, line)
    else:
        at = record.checkpoint(no_rows(request.keep, task.problem), request.spacing)
        start = taken_up(request, task, tuned, at)
    start.seconds["seconds_setup"] += seconds_setup
    told = line.count("sampling", request.n_steps, start.at.n_steps, start.runner)
    steps = Steps(request, task, start, told)
    positions, stats = steps.in_memory() if record is None else steps.on_disk(record)
    return Result(
        positions=positions,
        stats=stats | _constants(start.kernel, stats),
        info=_info(request, task, start, steps.at),
        final_state=exported_state(task.problem, start.kernel, steps.at.positions),
        moments=None
        if steps.at.moments is None
        else steps.at.moments.moments(task.problem.unravel),
    )


def _info(request: Request, task: Task, start: Start, at: Checkpoint) -> RunInfo:
    """The `info` of the result."""
    runner, kernel, report, evidence = start.runner, start.kernel, start.report, at.evidence
    atol, rtol = runner.tolerances(at.positions.dtype)
    outcomes = [evidence.outcome] if report is None else [evidence.outcome, report.outcome]
    return RunInfo(
        kernel=task.given if report is None else task.restored(kernel),
        solver=runner.solver,
        device=device_name(at.positions, task.mesh),
        dtype=np.dtype(at.positions.dtype),
        n_steps=at.n_steps,
        thin=request.thin,
        rng_key=np.asarray(jax.random.key_data(task.rng_key)),
        rng_key_impl=str(jax.random.key_impl(task.rng_key)),
        sweeps=evidence.sweeps,
        work_per_step=evidence.evaluations / at.n_steps,
        logdensity_evaluations=evidence.calls,
        gradient_evaluations=evidence.calls * kernel.uses_gradient,
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
        gradient_mode=task.problem.gradient_mode(kernel),
        gradient_seconds=dict(task.problem.gradient_seconds),
        plan=runner.plan if isinstance(runner, AutoRunner) else None,
        seconds_run=at.seconds,
        **start.seconds,
    )


def _constants(kernel: Kernel, stats: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Statistics that are the same in every step."""
    step_size = kernel.tunable("step_size")
    if step_size is None:
        return {}
    return {"step_size": np.full_like(stats["acceptance_rate"], step_size)}
