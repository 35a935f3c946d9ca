"""`sample`: a kernel and a solver put together."""

import math
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
from pmcmc.surrogates.degree import most_terms

_DEFAULT_WARMUP = 2000
_DEFAULT_WARMUP_PER_DIM = 10
_DEFAULT_WALK_PER_DIM = 100  # a random walk needs a longer warm-up
_DEFAULT_STEPS_PER_TERM = 2.25  # of a surrogate, up to twice the steps of a random walk
_FITTED = "surrogate_hmc"
_WALKS = ("random_walk", _FITTED)  # the second one begins with the first


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
    drawn with `fold_in(fold_in(rng_key, c), t)`. Solvers differ in how they compute this chain, but
    they all return the same one.

    Args:
        logdensity: log density up to a constant, from a position to a real scalar. Pass the same
            function again to reuse its compiled code. As with `jax.jit`, data in its closure are
            read only the first time. `model.logdensity` of an object and `functools.partial(...)`
            are new functions each time they are written, and are compiled again unless you keep
            them in a variable. Compiled code is freed together with the function. `None` for a
            `CustomKernel` that needs no log density.
        x0: start, a pytree of float arrays. With `n_chains > 1` each leaf has a leading axis of
            that length, with one start per chain. With one chain there is no such axis, and all
            axes belong to the position. The chain runs on the device that holds the start.
        n_steps: number of steps of each chain.
        kernel: the transition, e.g. `pmcmc.MALA(step_size=0.01)`, of `pmcmc.kernels`; `"mala"`
            (also `None`), `"hmc"`, `"barker"`, `"random_walk"` or `"surrogate_hmc"` for one whose
            step size and metric are tuned in the warm-up.
        solver: `"auto"` for the fastest that is found (see `pmcmc.Auto`), `"sequential"`,
            `"speculative"`, `"quasi"`, `"newton"`, ... (all are in `pmcmc.solvers.PRESETS`), or an
            instance such as `pmcmc.ParallelNewton(window=128)`.
        n_chains: number of independent chains.
        chain_method: how several chains share the device: `"parallel"` for one chain per thread on
            a CPU, `"vectorized"` for all under `jax.vmap`, `"sequential"` for one after another,
            `"auto"` for the fastest, measured on the first steps of the chains (see
            `info.chain_method`). It changes the chains only by rounding.
        n_warmup: number of steps before the draws, which are dropped. They tune the step size of
            the kernel, if it has a target acceptance rate, and its metric, if it has none yet.
            `None` means 0 if `kernel` is an instance; otherwise it means 2,000, or 10 times the
            numbers in a position if that is more (100 times for `"random_walk"` and
            `"surrogate_hmc"`). For `"surrogate_hmc"` it means up to twice as many, if the terms of
            the surrogate need them. `pmcmc.warmup` has more options.
        thin: keep every `thin`-th step.
        keep: a JAX function of the position; the pytree of arrays that it returns is kept instead
            of the position. `"moments"` keeps no draws, only means, variances and their errors over
            all steps, in `result.moments`. `None` keeps the whole position.
        store: a new folder, such as `"run.zarr"`, to which draws are written while the chain runs,
            with everything that `pmcmc.resume` needs to continue after a crash. It is a zarr
            hierarchy that `xarray.open_datatree` can read. Ctrl-C then returns the finished draws,
            with a warning. Needs `pip install 'pmcmc[store]'`.
        gradient_mode: how JAX differentiates the log density: `"reverse"`; `"forward"`, which is
            faster for few parameters and a loop inside; or `"auto"` to time both, if there are at
            most 30 numbers in a position, a loop, no callback, and the gradients of the run take 3
            s or more. They differ in rounding: choose one explicitly if two runs must agree in
            every bit.
        mesh: a `jax.sharding.Mesh` of devices with axes named `"chain"`, `"time"` or both. Chains
            are distributed over the first axis. The second divides the steps of a window, also of a
            single chain: the evaluations of `"speculative"`, and the sweeps of `"quasi"` and
            similar solvers. `"auto"` then measures nothing: it means `"speculative"` if there is a
            `"time"` axis and the kernel allows it. Several processes of `jax.distributed` make the
            same call, and each gets the whole result. The chain is the same as on one device, up to
            rounding.
        rng_key: a key of `jax.random`, or an integer seed.
        progress: whether to show a bar on stderr, or one line per minute if stderr is not a
            terminal; `None` for a bar on a terminal only.

    Returns:
        Draws with leading axes `(chain, draw)`, their statistics, and a record of the run.

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


def default_warmup(kernel: Kernel | str | None, dim: int) -> int:
    """The number of warm-up steps of each chain, unless the user writes one."""
    if isinstance(kernel, Kernel):
        return 0
    name = kernel if isinstance(kernel, str) else ""  # anything else is refused later
    per_dim = _DEFAULT_WALK_PER_DIM if name in _WALKS else _DEFAULT_WARMUP_PER_DIM
    least = max(_DEFAULT_WARMUP, per_dim * dim)
    if name != _FITTED:
        return least
    return max(least, min(2 * least, math.ceil(_DEFAULT_STEPS_PER_TERM * most_terms(dim))))


def _as_n_warmup(n_warmup: int | None, kernel: Kernel | str | None, x0: Any, n_chains: int) -> int:
    if n_warmup is None:
        dim = sum(map(np.size, jax.tree.leaves(x0))) // n_chains
        return default_warmup(kernel, dim)
    n_warmup = check_count("n_warmup", n_warmup, minimum=0)
    if n_warmup == 0 and not isinstance(kernel, Kernel):
        raise ValueError(
            f"n_warmup=0 leaves the step size of kernel={short(kernel)} untuned: write an "
            "instance such as kernel=pmcmc.MALA(step_size=0.01), or n_warmup=2000."
        )
    return n_warmup
