"""Where sampling starts: after a warm-up, or where the record of a run ends."""

import time
from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._adaptation.report import WarmupReport
from pmcmc._arguments import check_is_tuned, warmup_key
from pmcmc._chain.evidence import Evidence
from pmcmc._chain.moments import RunningMoments
from pmcmc._chain.problem import with_dtype
from pmcmc._chain.starts import device_of
from pmcmc._planning.make import make_runner
from pmcmc._planning.stages import warm_up
from pmcmc._planning.task import Task
from pmcmc._running.request import Request
from pmcmc._store.journal import JournaledRunner
from pmcmc._store.record import Keepsake, Record, Tuned
from pmcmc._store.storage import Checkpoint
from pmcmc._util.progress import Progress
from pmcmc.kernels import Kernel


class Start(NamedTuple):
    """The state in which sampling starts.

    Args:
        runner: of the chains.
        kernel: for flat positions, tuned.
        report: of the warm-up, `None` if there was none.
        at: the part of the chain that exists already.
        seconds: time spent so far, by the names in `RunInfo`.
    """

    runner: Any
    kernel: Kernel
    report: WarmupReport | None
    at: Checkpoint
    seconds: dict[str, float]


def warmed_up(request: Request, task: Task, record: Record | None, line: Progress) -> Start:
    """The start after the warm-up of the request, part of which may be in the record.

    Raises:
        ValueError: the kernel needs a warm-up and there is none, or the solver cannot run it.
    """
    n_steps, n_warmup, solver = request.n_steps, request.n_warmup, request.solver
    positions, kernel, report = task.problem.positions, task.kernel, None
    if not n_warmup:
        check_is_tuned(task)
    started = time.perf_counter()
    runner: Any = make_runner(task, solver, n_steps, n_warmup + n_steps, n_warmup // 2)
    prepared = time.perf_counter()
    line.say("compiling")
    runner.compile(kernel, positions, task.rng_key)
    compiled = time.perf_counter()
    if n_warmup:

        def followed(runner: Any) -> Any:
            return runner if journal is None else JournaledRunner(runner, journal)

        journal = None if record is None else record.journal(task.fitting, device_of(positions))
        key, on_segment = warmup_key(task.rng_key), line.count("warm-up", n_warmup, 0, runner)
        tuned = warm_up(
            task, solver, followed(runner), positions, key, n_warmup, n_steps, on_segment, followed
        )
        runner = tuned.runner if journal is None else tuned.runner.runner
        kernel, positions, report = tuned.kernel, tuned.positions, tuned.report
    seconds = {
        "seconds_setup": prepared - started,
        "seconds_compile": compiled - prepared,
        "seconds_warmup": time.perf_counter() - compiled,
    }
    if record is not None:
        mode = task.problem.gradient_mode(kernel) or request.gradient_mode
        spent = seconds["seconds_warmup"]
        record.add_tuned(Tuned(Keepsake.of(kernel), positions, report, mode, spent))
    return Start(runner, kernel, report, _beginning(request, positions), seconds)


def taken_up(request: Request, task: Task, tuned: Tuned, at: Checkpoint | None) -> Start:
    """The start where the record of a run ends.

    Args:
        request: the arguments of the run.
        task: the same arguments, checked.
        tuned: result of the warm-up.
        at: last checkpoint of sampling, `None` if it has not started.
    """
    device = device_of(task.problem.positions)
    kernel = with_dtype(tuned.kernel.restored(task.kernel), task.problem.positions.dtype)
    at = _beginning(request, jax.device_put(tuned.positions, device)) if at is None else at
    at = at._replace(positions=jax.device_put(at.positions, device))
    rest = task.at(at.positions)._replace(kernel=kernel, criteria=(), goal=None, fitting=None)
    n_left = max(request.n_steps - at.n_steps, 1)
    started = time.perf_counter()
    # Prepared for the whole chain: guesses have a row for each of its steps.
    runner = make_runner(rest, request.solver, request.n_steps, n_left, 0)
    prepared = time.perf_counter()
    if at.n_steps < request.n_steps:
        runner.compile(kernel, at.positions, task.rng_key)
    seconds = {
        "seconds_setup": prepared - started,
        "seconds_compile": time.perf_counter() - prepared,
        "seconds_warmup": tuned.seconds,
    }
    return Start(runner, kernel, tuned.report, at, seconds)


def _beginning(request: Request, positions: jax.Array) -> Checkpoint:
    moments = None if request.keeps_draws else RunningMoments.none(np.asarray(positions))
    return Checkpoint(0, positions, Evidence.none(len(positions)), moments, 0.0)
