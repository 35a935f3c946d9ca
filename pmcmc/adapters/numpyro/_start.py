"""Runs a model once: the trace of its sites, and the starts of its chains."""

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import handlers
from numpyro.infer import init_to_uniform, init_to_value
from numpyro.infer.util import initialize_model
from numpyro.primitives import Messenger

from pmcmc._util.callers import warn_user
from pmcmc.adapters.numpyro._compat import values_of
from pmcmc.adapters.numpyro._sites import Sites, Trace, seeded

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class Start:
    """Finds starts for chains of a model, and the model's functions along with the first one.

    One program finds all starts; it is freed with this object.

    Args:
        model: the model, with known values of its parameters.
        arguments: its arguments, `(args, kwargs)`.
        init_strategy: one of `numpyro.infer.initialization`.
    """

    potential_fn: Callable[[Any], jax.Array]
    postprocess_fn: Callable[[Any], dict[str, jax.Array]]

    def __init__(
        self, model: Any, arguments: Arguments, init_strategy: Any = init_to_uniform
    ) -> None:
        args, kwargs = arguments
        self._initialize = functools.partial(
            initialize_model,
            model=model,
            init_strategy=init_strategy,
            model_args=args,
            model_kwargs=kwargs,
        )
        self._find = jax.jit(self._traced)

    def __call__(self, rng_key: jax.Array) -> dict[str, jax.Array]:
        """Unconstrained positions with finite log densities and gradients.

        Args:
            rng_key: one key, or an array of them for a leading axis of starts.

        Raises:
            ValueError: a hundred attempts found none.
        """
        # NumPyro's search for starts reuses keys.
        with warnings.catch_warnings(), jax.debug_key_reuse(False):
            # Discrete sites are summed out whether they are marked for it or not.
            warnings.simplefilter("ignore", FutureWarning)
            position, *values = self._find(rng_key)
            if not all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(values)):
                self._explain(rng_key)
        found: dict[str, jax.Array] = position
        return found

    def _traced(self, rng_key: jax.Array) -> Any:
        info = self._initialize(rng_key)
        self.potential_fn, self.postprocess_fn = info.potential_fn, info.postprocess_fn
        return info.param_info

    def _explain(self, rng_key: jax.Array) -> None:
        """Run NumPyro's search step by step, which gives better error messages."""
        try:
            self._initialize(rng_key)
        except RuntimeError as error:
            raise ValueError(
                f"model could not be started ({error}): check for NaN in the data and for data "
                "outside of the support of their distribution, or write "
                "init_strategy=numpyro.infer.init_to_median."
            ) from error


def trace_of(model: Any, arguments: Arguments) -> Trace:
    """The sites of a model at a point near the middle of its prior.

    The model runs as one program, which is dropped afterwards. Step by step, JAX would keep
    the program of every loop in the model forever.
    """
    args, kwargs = arguments
    started = handlers.substitute(seeded(model), substitute_fn=init_to_uniform())
    trace: dict[str, Any] = {}

    def run() -> list[jax.Array]:
        with _NamesOfOneKind():
            trace.update(handlers.trace(started).get_trace(*args, **kwargs))
        return [leaf for leaf in _values(trace) if isinstance(leaf, jax.core.Tracer)]

    found = iter(jax.jit(run)())
    leaves = [next(found) if isinstance(leaf, jax.core.Tracer) else leaf for leaf in _values(trace)]
    treedef = jax.tree.structure({name: site["value"] for name, site in trace.items()})
    values = jax.tree.unflatten(treedef, leaves)
    return {name: {**site, "value": values[name]} for name, site in trace.items()}


class _NamesOfOneKind(Messenger):  # type: ignore[misc] # NumPyro has no annotations
    """Rejects a plate with the name of a site, because NumPyro's traces keep only one."""

    def __enter__(self) -> Any:
        self._kinds: dict[str, bool] = {}
        return super().__enter__()

    def process_message(self, msg: dict[str, Any]) -> None:
        is_plate = msg["type"] == "plate"
        name = msg.get("name")
        if name and self._kinds.setdefault(name, is_plate) != is_plate:
            raise ValueError(
                f"model has a plate and a site called {name!r}, and NumPyro keeps only one of "
                f"them: rename the plate, e.g. numpyro.plate('{name}_plate', size)."
            )


def as_strategy(init_strategy: Any, sites: Sites) -> Any:
    """A strategy whose values are floating-point numbers, so that gradients exist there.

    Warns:
        UserWarning: it has values for sites that are not latent.
    """
    values = values_of(init_strategy)
    if values is None:
        return init_strategy
    unknown = [name for name in values if name not in (*sites.latent, *sites.discrete)]
    if unknown:
        warn_user(
            f"init_to_value has values for {_listed(unknown)}, which are not latent sites of the "
            f"model and are ignored; the latent sites are {_listed(sites.latent)}."
        )
    cast = {
        name: jnp.asarray(value, jnp.result_type(float)) if name in sites.latent else value
        for name, value in values.items()
    }
    return init_to_value(values=cast)


def check_position(position: Any, start: dict[str, jax.Array], n_chains: int) -> None:
    """Check that an unconstrained start has the latent sites of a model.

    Args:
        position: the user's `x0`.
        start: the start of one chain.
        n_chains: number of chains; if there are several, leaves have a leading axis.

    Raises:
        ValueError: it does not; the message says which are missing, unknown or of another shape.
    """
    names = f"the names are those of the model's latent sites, {_listed(start)}"
    if not isinstance(position, Mapping):
        raise ValueError(
            "x0 must be a dictionary of unconstrained values by site, got "
            f"{type(position).__name__}: {names}."
        )
    faults = {
        "is missing": [name for name in start if name not in position],
        "has unknown": [name for name in position if name not in start],
    }
    found = [f"{fault} {_listed(sites)}" for fault, sites in faults.items() if sites]
    if found:
        raise ValueError(f"x0 {' and '.join(found)}: {names}.")
    axes = (n_chains,) if n_chains > 1 else ()
    for name, value in start.items():
        shape = (*axes, *value.shape)
        if np.shape(position[name]) != shape:
            raise ValueError(
                f"x0[{name!r}] must have shape {shape}, that of the unconstrained site"
                f"{' after the chains' if axes else ''}, got {np.shape(position[name])}: write "
                "e.g. from_model(model, ...).initial_positions(jax.random.key(0), n_chains)."
            )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def _values(trace: Trace) -> list[Any]:
    return jax.tree.leaves({name: site["value"] for name, site in trace.items()})
