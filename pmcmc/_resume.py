"""`resume`: go on with a run that is on disk."""

import os
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from pmcmc._result import Result
from pmcmc._running.record import check_is_of, found_record, given_again
from pmcmc._running.request import Request
from pmcmc._running.run import run
from pmcmc._util.checks import check_count
from pmcmc._util.progress import Progress
from pmcmc.kernels import Kernel
from pmcmc.solvers import Auto, Solver, as_solver


def resume(
    store: str | os.PathLike[str],
    logdensity: Callable[[Any], jax.Array] | None,
    *,
    n_steps: int | None = None,
    kernel: Kernel | None = None,
    solver: Solver | Auto | str | None = None,
    keep: Callable[[Any], Any] | None = None,
    mesh: Mesh | None = None,
    progress: bool | None = None,
) -> Result:
    """Continue a run of `sample(..., store=...)` from where it ended.

    The chain is the same as without interruption: an interrupted warm-up continues where it was,
    and draws on disk are not computed again. You may call it repeatedly, for example on a machine
    with a time limit: if the run is finished, it is read and returned.

    The store contains only data: nothing in it is executed. It does not contain the model and its
    data.

    Args:
        store: the folder that was given to `sample`.
        logdensity: the same as in that call.
        n_steps: length of the whole chain, to make it longer than in the call of `sample`.
        kernel: the same as in that call, only if the store cannot hold it: a kernel that contains
            functions, such as `MetropolisHastings`, or an instance of your own class.
        solver: the same as in that call, only if the store cannot hold it.
        keep: the same function as in that call, if there was one.
        mesh: as in `sample`; it may differ from that call, or be `None`.
        progress: as in `sample`.

    Returns:
        All draws, including those from before the interruption. Seconds, evaluations and residuals
        are for the whole run, `info.sweep_log` and `info.plan` for this call.

    Raises:
        ImportError: zarr is not installed.
        ValueError: there is no store, or its model, number format, kernel or version is different;
            the message says which.
        RuntimeError: as in `sample`.
    """
    record = found_record(store, mesh)
    about = record.description
    if n_steps is not None:
        n_steps = check_count("n_steps", n_steps)
        if n_steps < record.n_steps:
            raise ValueError(
                f"n_steps must be the length of the whole chain, at least the {record.n_steps} of "
                f"the store, got {n_steps}: write n_steps={record.n_steps + n_steps} for {n_steps} "
                "more."
            )
    kernel = given_again("kernel", about.kernel, kernel)
    given = None if solver is None else as_solver(solver)
    keep = given_again("keep", about.keep, keep)
    tuned = record.tuned
    request = Request(
        kernel=kernel,
        solver=given_again("solver", about.solver, given),
        n_steps=record.n_steps if n_steps is None else n_steps,
        n_warmup=about.n_warmup,
        n_chains=about.n_chains,
        thin=about.thin,
        keep=keep,
        chain_method=about.chain_method,
        gradient_mode=about.gradient_mode if tuned is None else tuned.gradient_mode,
        mesh=mesh,
    )
    with Progress(progress, about.n_chains) as line:
        line.say("preparing")
        started = time.perf_counter()
        key = jax.random.wrap_key_data(jnp.asarray(about.rng_key), impl=about.rng_key_impl)
        task = request.task(logdensity, about.x0, key)
        check_is_of(record, task)
        if request.n_steps > record.n_steps:
            record.lengthen(request.n_steps)
        return run(request, task, record, line, time.perf_counter() - started)
