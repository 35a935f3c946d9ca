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

    Positions inside are unconstrained. Keywords that are not in this list go to the model; where
    a model has one of these names itself, bind it first, with `functools.partial`.

    Args:
        model: with continuous latent sites, and discrete ones if funsor is installed.
        *args: that the model is called with. They are copied.
        n_steps: number of steps of each chain.
        x0: unconstrained values of all latent sites by name, such as another result's
            `final_state.position`, with a leading axis of `n_chains` if there are several; `None`
            to let `init_strategy` find them.
        kernel: the transition, as in `pmcmc.sample`.
        solver: as in `pmcmc.sample`.
        n_chains: number of independent chains.
        chain_method: as in `pmcmc.sample`.
        n_warmup: steps before the draws, as in `pmcmc.sample`.
        thin: keep every `thin`-th step.
        store: as in `pmcmc.sample`; in it are unconstrained positions. `resume_model` goes on.
        gradient_mode: as in `pmcmc.sample`.
        mesh: as in `pmcmc.sample`.
        rng_key: a key of `jax.random`, or an integer seed; it also draws the starts.
        progress: show a line on stderr; `None` to show it where stderr is a terminal.
        init_strategy: one of `numpyro.infer.initialization`.
        **kwargs: that the model is called with.

    Returns:
        Draws of the model's sites, statistics of each, and a record of the run.

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
    """Go on with a run of `sample_model(..., store=...)`, wherever it ended; see `pmcmc.resume`.

    Args:
        store: the folder that was given to `sample_model`.
        model: the same as then.
        *args: that the model is called with, the same as then.
        n_steps: length of the whole chain, where it is to be longer.
        mesh: as in `pmcmc.sample`.
        progress: as in `sample_model`.
        **kwargs: that the model is called with, the same as then.

    Returns:
        All draws, those from before the interruption among them.

    Raises:
        ImportError: zarr is not installed.
        ValueError: there is no store there, or it is of another model, other data, ...; the message
            says which.
    """
    bound = from_model(model, *args, **kwargs)
    result = resume(store, bound.logdensity, n_steps=n_steps, mesh=mesh, progress=progress)
    return ModelResult(bound.constrain_draws(result.positions), result, bound)
