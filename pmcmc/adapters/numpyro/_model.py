"""A NumPyro model as a log density of unconstrained positions."""

import collections
import functools
import inspect
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import handlers
from numpyro.infer import init_to_uniform

from pmcmc.adapters.numpyro._arguments import kept
from pmcmc.adapters.numpyro._draws import OverDraws
from pmcmc.adapters.numpyro._fingerprint import fingerprint
from pmcmc.adapters.numpyro._groups import LogLikelihood, Prediction
from pmcmc.adapters.numpyro._sites import Sites, find_sites
from pmcmc.adapters.numpyro._start import Start, as_strategy, trace_of
from pmcmc.adapters.numpyro._with_data import with_data

Position = dict[str, Any]


@dataclass(frozen=True, eq=False)
class LogDensity:
    """The log joint density of a position, with the Jacobians of the transforms in it."""

    potential_fn: Callable[[Position], jax.Array] = field(repr=False)

    def __call__(self, position: Position) -> jax.Array:
        return -self.potential_fn(position)


@dataclass(frozen=True, eq=False)
class UnconstrainedModel:
    """A NumPyro model with its arguments, for samplers that use unconstrained positions.

    Args:
        logdensity: log density of a position, a dictionary of arrays by latent site; hashable.
        constrain: from a position to the values of latent and deterministic sites; compiled.
        model: the model.
        arguments: a copy of the model's arguments, `(args, kwargs)`.
        sites: description of its sites.
    """

    logdensity: LogDensity
    constrain: Callable[[Position], dict[str, jax.Array]] = field(repr=False)
    model: Callable[..., Any] = field(repr=False)
    arguments: tuple[tuple[Any, ...], dict[str, Any]] = field(repr=False)
    sites: Sites = field(repr=False)
    _start: Start = field(repr=False)
    _first: Position = field(repr=False)
    _read: Hashable | None = field(repr=False)
    _functions: dict[Hashable, OverDraws] = field(repr=False, default_factory=dict)

    @property
    def initial_position(self) -> Position:
        """A position with a finite log density and gradient."""
        return dict(self._first)

    @functools.cached_property
    def logdensity_of_data(self) -> Callable[[Position], jax.Array]:
        """The same, with the data as arguments of the compiled code, if possible."""
        return with_data(self.model, self.arguments, self.sites) or self.logdensity

    def initial_positions(
        self, rng_key: jax.Array, n_chains: int, init_strategy: Any = init_to_uniform
    ) -> Position:
        """Starts for chains.

        Args:
            rng_key: a key of `jax.random`.
            n_chains: leaves have a leading axis of that length if there are several.
            init_strategy: one of `numpyro.infer.initialization`.

        Warns:
            UserWarning: `init_to_value` has values for sites that are not latent.

        Raises:
            ValueError: no start with a finite log density and gradient was found.
        """
        keys = rng_key if n_chains == 1 else jax.random.split(rng_key, n_chains)
        if init_strategy is init_to_uniform:
            return self._start(keys)
        model = handlers.substitute(self.model, data=self.sites.parameters)
        return Start(model, self.arguments, as_strategy(init_strategy, self.sites))(keys)

    def constrain_draws(self, positions: Position) -> dict[str, np.ndarray]:
        """Sites of many draws, converted in chunks and returned on the host.

        Args:
            positions: leaves `(chain, draw, *event)`.
        """
        constrained: dict[str, np.ndarray] = self._constrain_draws(positions)
        return constrained

    @property
    def log_likelihood_draws(self) -> OverDraws:
        """From draws of latent sites to the log likelihood of each observation.

        Raises:
            ValueError: a discrete latent site was summed out.
        """
        return self._over_draws(LogLikelihood)

    @property
    def predictive_draws(self) -> OverDraws:
        """From `(keys, draws of latent sites)` to simulated observations.

        Raises:
            ValueError: a discrete latent site was summed out.
        """
        return self._over_draws(Prediction)

    def _over_draws(self, kind: Any) -> OverDraws:
        """A function over draws, traced once unless the model now reads something else."""
        now = fingerprint(self.model, self.arguments)
        found = self._functions.get(kind) if now == self._read else None
        if found is None:
            found = OverDraws(kind(self.model, self.arguments, self.sites))
        if now == self._read:
            self._functions[kind] = found
        return found

    @functools.cached_property
    def _constrain_draws(self) -> OverDraws:
        return OverDraws(self.constrain)


# Earlier models: the latest ones, and those that somebody still holds.
_MADE: weakref.WeakValueDictionary[Hashable, UnconstrainedModel] = weakref.WeakValueDictionary()
_LAST: collections.deque[UnconstrainedModel] = collections.deque(maxlen=2)


def from_model(model: Callable[..., Any], *args: Any, **kwargs: Any) -> UnconstrainedModel:
    """The log density of a NumPyro model, a start, and the map back to its sites.

    Discrete latent sites with finitely many values are summed out, if funsor is installed.
    `numpyro.param` sites keep their initial values.

    A second call returns the same object, so that its compiled code is reused, if everything that
    the model reads is known to be equal by value: arguments, closure and globals, made of arrays,
    numbers, strings and functions in built-in containers. If there is anything else among them,
    such as data frames, masked arrays, methods or your own objects, the model is traced again.

    Args:
        model: a model with continuous latent sites.
        *args: positional arguments of the model. They are copied.
        **kwargs: keyword arguments of the model.

    Raises:
        ValueError: the model does not take these arguments, or has a site that cannot be sampled;
            the message says why and what to write.
    """
    check_call(model, args, kwargs)
    read = fingerprint(model, (args, kwargs))
    key = (model, read, jnp.result_type(float))
    made = None if read is None else _MADE.get(key)
    if made is None:
        made = _made(model, kept((args, kwargs)), read)
        if read is None:
            return made
        _MADE[key] = made
    if made in _LAST:
        _LAST.remove(made)
    _LAST.append(made)
    return made


def _made(
    model: Callable[..., Any],
    arguments: tuple[tuple[Any, ...], dict[str, Any]],
    read: Hashable | None,
) -> UnconstrainedModel:
    sites = find_sites(trace_of(model, arguments))
    known = handlers.substitute(model, data=sites.parameters)
    start = Start(known, arguments)
    first = start(jax.random.key(0))
    return UnconstrainedModel(
        logdensity=LogDensity(start.potential_fn),
        constrain=start.postprocess_fn,
        model=model,
        arguments=arguments,
        sites=sites,
        _start=start,
        _first=first,
        _read=read,
    )


def check_call(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Check that a model takes these arguments.

    Raises:
        ValueError: it is not a function, or takes other arguments.
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
