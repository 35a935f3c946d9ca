"""`sample_model` and `resume_model`: `pmcmc.sample` and `pmcmc.resume` for a NumPyro model."""

import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from numpyro.infer import init_to_uniform

from pmcmc._resume import resume
from pmcmc._sample import sample
from pmcmc._util.keys import as_key
from pmcmc.adapters.numpyro._model import from_model
from pmcmc.adapters.numpyro._result import ModelResult
from pmcmc.adapters.numpyro._start import check_position
from pmcmc.kernels import Kernel
from pmcmc.solvers import Auto, Solver

_START_STREAM = np.uint32(2**32 - 2)  # no chain has this index, nor has the warm-up


def sample_model(
    model: Callable[..., Any],
    *args: Any,
    n_steps: int,
    x0: Any = None,
    kernel: Kernel | str | None = None,
    solver: Solver | Auto | str = "auto",
    n_chains: int = 1,
    chain_method: str = "auto",
    n_warmup: int | None = None,
    thin: int = 1,
    store: str | os.PathLike[str] | None = None,
    gradient_mode: str = "auto",
    mesh: Mesh | None = None,
    rng_key: jax.Array | int = 0,
    progress: bool | None = None,
    init_strategy: Any = init_to_uniform,
    **kwargs: Any,
) -> ModelResult:
    """Sample a NumPyro model by Markov chain Monte Carlo, in parallel over the chain's length.

    The chain runs in unconstrained coordinates. Keywords that are not in this list go to the model.
    If the model itself has an argument with one of these names, bind it first with
    `functools.partial`.

    Args:
        model: a model with continuous latent sites, and discrete ones if funsor is installed.
        *args: positional arguments of the model. They are copied.
        n_steps: number of steps of each chain.
        x0: unconstrained values of all latent sites by name, such as another result's
            `final_state.position`, with a leading axis of `n_chains` if there are several; `None`
            to let `init_strategy` find them.
        kernel: the transition, as in `pmcmc.sample`.
        solver: as in `pmcmc.sample`.
        n_chains: number of independent chains.
        chain_method: as in `pmcmc.sample`.
        n_warmup: number of steps before the draws, as in `pmcmc.sample`.
        thin: keep every `thin`-th step.
        store: as in `pmcmc.sample`; it holds unconstrained positions. `resume_model` continues the
            run.
        gradient_mode: as in `pmcmc.sample`.
        mesh: as in `pmcmc.sample`.
        rng_key: a key of `jax.random`, or an integer seed; it also draws the starts.
        progress: whether to show a line on stderr; `None` to show it if stderr is a terminal.
        init_strategy: one of `numpyro.infer.initialization`.
        **kwargs: keyword arguments of the model.

    Returns:
        Draws of the model's sites, their statistics, and a record of the run.

    Raises:
        ValueError: an argument or the model cannot be used; the message says why and what to write.
    """
    bound = from_model(model, *args, **kwargs)
    if x0 is None:
        start_key = jax.random.fold_in(as_key(rng_key), _START_STREAM)
        x0 = bound.initial_positions(start_key, n_chains, init_strategy)
    check_position(x0, bound.initial_position, n_chains)
    result = sample(
        bound.logdensity,
        x0,
        n_steps,
        kernel=kernel,
        solver=solver,
        n_chains=n_chains,
        chain_method=chain_method,
        n_warmup=n_warmup,
        thin=thin,
        store=store,
        gradient_mode=gradient_mode,
        mesh=mesh,
        rng_key=rng_key,
        progress=progress,
    )
    return ModelResult(bound.constrain_draws(result.positions), result, bound)


def resume_model(
    store: str | os.PathLike[str],
    model: Callable[..., Any],
    *args: Any,
    n_steps: int | None = None,
    mesh: Mesh | None = None,
    progress: bool | None = None,
    **kwargs: Any,
) -> ModelResult:
    """Continue a run of `sample_model(..., store=...)` from where it ended; see `pmcmc.resume`.

    Args:
        store: the folder that was given to `sample_model`.
        model: the same as in that call.
        *args: positional arguments of the model, the same as in that call.
        n_steps: length of the whole chain, to make it longer.
        mesh: as in `pmcmc.sample`.
        progress: as in `sample_model`.
        **kwargs: keyword arguments of the model, the same as in that call.

    Returns:
        All draws, including those from before the interruption.

    Raises:
        ImportError: zarr is not installed.
        ValueError: there is no store, or its model, data, ... are different; the message says
            which.
    """
    bound = from_model(model, *args, **kwargs)
    result = resume(store, bound.logdensity, n_steps=n_steps, mesh=mesh, progress=progress)
    return ModelResult(bound.constrain_draws(result.positions), result, bound)
