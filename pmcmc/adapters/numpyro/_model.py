"""A NumPyro model as a log density of unconstrained positions."""

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from numpyro import handlers
from numpyro.infer import init_to_uniform
from numpyro.infer.util import initialize_model

from pmcmc.adapters.numpyro._arguments import Arguments
from pmcmc.adapters.numpyro._draws import map_draws
from pmcmc.adapters.numpyro._sites import Sites, find_sites, seeded

Position = dict[str, Any]


@dataclass(frozen=True)
class _OfPosition:
    """A function of an unconstrained position, equal to that of the same model and equal data."""

    model: Callable[..., Any]
    arguments: Arguments
    function: Callable[[Position], Any] = field(compare=False, repr=False)


class LogDensity(_OfPosition):
    """The log joint density, with the Jacobians of the transforms in it."""

    def __call__(self, position: Position) -> jax.Array:
        return -self.function(position)


class Constrain(_OfPosition):
    """The values of latent and deterministic sites at a position."""

    def __call__(self, position: Position) -> dict[str, jax.Array]:
        return self.function(position)


@dataclass(frozen=True)
class UnconstrainedModel:
    """A NumPyro model with its arguments, for samplers of unconstrained positions.

    Args:
        logdensity: of a position, a dictionary of arrays by latent site; hashable, and equal to
            that of the same model called with equal data.
        initial_position: a position with a finite log density and gradient.
        constrain: from a position to the values of latent and deterministic sites, under
            `jax.jit`.
        model: the model.
        arguments: what it is called with, `(args, kwargs)`.
        sites: what its sites are.
    """

    logdensity: LogDensity
    initial_position: Position
    constrain: Constrain
    model: Callable[..., Any] = field(repr=False)
    arguments: Arguments = field(repr=False)
    sites: Sites = field(repr=False)

    def initial_positions(
        self, rng_key: jax.Array, n_chains: int, init_strategy: Any = init_to_uniform
    ) -> Position:
        """Starts of chains.

        Args:
            rng_key: a key of `jax.random`.
            n_chains: leaves have a leading axis of that length if there are several.
            init_strategy: one of `numpyro.infer.initialization`.

        Raises:
            ValueError: no start with a finite log density and gradient was found.
        """
        keys = rng_key if n_chains == 1 else jax.random.split(rng_key, n_chains)
        return _initialized(self.model, self.arguments, keys, init_strategy).param_info.z

    def constrain_draws(self, positions: Position) -> dict[str, np.ndarray]:
        """Sites of many draws, converted in chunks and returned on the host.

        Args:
            positions: leaves `(chain, draw, *event)`.
        """
        return map_draws(self.constrain, positions)


def from_model(model: Callable[..., Any], *args: Any, **kwargs: Any) -> UnconstrainedModel:
    """The log density of a NumPyro model, a start, and the way back to its sites.

    Discrete latent sites with finitely many values are summed out, if funsor is installed.
    `numpyro.param` sites keep their initial values.

    Args:
        model: with continuous latent sites.
        *args: that the model is called with. NumPy arrays are copied.
        **kwargs: that the model is called with.

    Raises:
        ValueError: the model does not take these arguments, or has a site that cannot be sampled;
            the message says why and what to write.
    """
    check_call(model, args, kwargs)
    arguments = Arguments((args, kwargs))
    args, kwargs = arguments.tree
    start = handlers.substitute(seeded(model), substitute_fn=init_to_uniform())
    sites = find_sites(handlers.trace(start).get_trace(*args, **kwargs))
    initialized = _initialized(model, arguments, jax.random.key(0), init_to_uniform)
    compared = Arguments((arguments.tree, sites.parameters))
    return UnconstrainedModel(
        logdensity=LogDensity(model, compared, initialized.potential_fn),
        initial_position=initialized.param_info.z,
        constrain=Constrain(model, compared, initialized.postprocess_fn),
        model=model,
        arguments=arguments,
        sites=sites,
    )


def check_call(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Check that a model takes these arguments.

    Raises:
        ValueError: it is not a function, or takes others.
    """
    if not callable(model):
        raise ValueError(
            f"model must be a NumPyro model, a function, got {model!r}: write it as a function "
            "that calls numpyro.sample."
        )
    try:
        inspect.signature(model).bind(*args, **kwargs)
    except TypeError as error:
        name = getattr(model, "__qualname__", repr(model))
        raise ValueError(
            f"model {name} cannot be called with these arguments ({error}): pass what the model "
            "takes, and check the spelling of the other keywords."
        ) from error


def _initialized(model: Any, arguments: Arguments, rng_key: jax.Array, init_strategy: Any) -> Any:
    args, kwargs = arguments.tree
    try:
        with warnings.catch_warnings():
            # Sites are summed out whether they are marked for it or not.
            warnings.simplefilter("ignore", FutureWarning)
            return initialize_model(
                rng_key,
                model,
                init_strategy=init_strategy,
                model_args=args,
                model_kwargs=kwargs,
            )
    except RuntimeError as error:
        raise ValueError(
            f"model could not be started ({error}): look for data outside of the support of their "
            "distribution, or write init_strategy=numpyro.infer.init_to_median."
        ) from error
