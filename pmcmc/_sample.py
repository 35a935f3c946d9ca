"""`sample`: a kernel and a solver put together."""

import os
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from pmcmc._chain.keep import check_keep
from pmcmc._result import Result
from pmcmc._running.record import new_record
from pmcmc._running.request import Request
from pmcmc._running.run import run
from pmcmc._util.checks import check_count, short
from pmcmc._util.progress import Progress
from pmcmc.kernels import Kernel
from pmcmc.solvers import Auto, Solver, as_solver

_DEFAULT_WARMUP = 2000
_DEFAULT_WARMUP_PER_DIM = 10
_DEFAULT_WALK_PER_DIM = 100  # a random walk takes that many times longer to get anywhere
_WALKS = ("random_walk", "surrogate_hmc")  # the second one begins with the first


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
    keep: Callable[[Any], Any] | str | None = None,
    store: str | os.PathLike[str] | None = None,
    gradient_mode: str = "auto",
    mesh: Mesh | None = None,
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
            where that is more (100 times for `"random_walk"` and `"surrogate_hmc"`). `pmcmc.warmup`
            has choices.
        thin: keep every `thin`-th step.
        keep: a JAX function of the position: what it returns, a pytree of arrays, is kept in the
            place of positions. `"moments"` keeps no draws but means, variances and their errors
            over all steps, `result.moments`. `None` keeps all of the position.
        store: a new folder, such as `"run.zarr"`, that draws go to while the chain runs, with all
            that `pmcmc.resume` needs to go on after a crash. It is a zarr hierarchy that
            `xarray.open_datatree` reads. Ctrl-C then returns what is finished, with a warning.
            Needs `pip install 'pmcmc[store]'`.
        gradient_mode: how JAX differentiates the log density: `"reverse"`; `"forward"`, which is
            faster where there are few parameters and a loop inside; or `"auto"` to time both, where
            there are at most 30 numbers in a position, a loop, no callback, and where the gradients
            of the run take 3 s or more. They differ in rounding: choose one where two runs have to
            agree in every bit.
        mesh: a `jax.sharding.Mesh` of devices with axes named `"chain"`, `"time"` or both.
            Chains are spread over the first. The second shares the steps of a window, of a single
            chain too: evaluations of `"speculative"`, sweeps of `"quasi"` and its like. `"auto"`
            then measures nothing: it is `"speculative"` where there is an axis `"time"` and the
            kernel allows it. Several processes of `jax.distributed` call `sample` alike, and each
            gets the whole result. The chain is that of one device, to rounding.
        rng_key: a key of `jax.random`, or an integer seed.
        progress: show a bar on stderr while it runs, a line a minute where that is no terminal;
            `None` for a bar on a terminal only.

    Returns:
        Draws with leading axes `(chain, draw)`, statistics of each, and a record of the run.

    Raises:
        ValueError: an argument cannot be used; the message says why and what to write.
        RuntimeError: a callback in the log density or the kernel raised an exception, which is the
            cause; the message says where the chains were. Or the store cannot be written.
    """
    n_steps = check_count("n_steps", n_steps)
    n_chains = check_count("n_chains", n_chains)
    thin = check_count("thin", thin)
    if thin > n_steps:
        raise ValueError(f"thin must be at most n_steps={n_steps}, got {thin}: write thin=1.")
    check_keep(keep)
    n_warmup = _as_n_warmup(n_warmup, kernel, x0, n_chains)
    request = Request(
        kernel,
        as_solver(solver),
        n_steps,
        n_warmup,
        n_chains,
        thin,
        keep,
        chain_method,
        gradient_mode,
        mesh,
    )
    with Progress(progress, n_chains) as line:
        line.say("preparing")
        started = time.perf_counter()
        task = request.task(logdensity, x0, rng_key)
        record = None if store is None else new_record(store, request, task, x0)
        return run(request, task, record, line, time.perf_counter() - started)


def _as_n_warmup(n_warmup: int | None, kernel: Kernel | str | None, x0: Any, n_chains: int) -> int:
    is_tuned = isinstance(kernel, Kernel)
    if n_warmup is None:
        dim = sum(map(np.size, jax.tree.leaves(x0))) // n_chains
        per_dim = _DEFAULT_WALK_PER_DIM if kernel in _WALKS else _DEFAULT_WARMUP_PER_DIM
        return 0 if is_tuned else max(_DEFAULT_WARMUP, per_dim * dim)
    n_warmup = check_count("n_warmup", n_warmup, minimum=0)
    if n_warmup == 0 and not is_tuned:
        raise ValueError(
            f"n_warmup=0 leaves the step size of kernel={short(kernel)} untuned: write an "
            "instance such as kernel=pmcmc.MALA(step_size=0.01), or n_warmup=2000."
        )
    return n_warmup
