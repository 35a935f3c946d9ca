"""The sites of a model, and whether they can be sampled."""

import importlib.util
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist

from pmcmc.adapters.numpyro._plates import Axes, axes_of

Trace = Mapping[str, Mapping[str, Any]]


class Sites(NamedTuple):
    """The sites of a model by kind, with what ArviZ needs to know about them.

    Args:
        latent: names of continuous latent sites, whose unconstrained values are the position.
        discrete: names of discrete latent sites, which are summed out.
        observed: observed values by name, without those of `numpyro.factor`.
        parameters: values of `numpyro.param` sites, which stay fixed.
        axes: what is known about the axes of each site.
    """

    latent: tuple[str, ...]
    discrete: tuple[str, ...]
    observed: dict[str, np.ndarray]
    parameters: dict[str, Any]
    axes: dict[str, Axes]


def find_sites(trace: Trace) -> Sites:
    """Sort the sites of a trace.

    Raises:
        ValueError: a site cannot be sampled with continuous positions.
    """
    sampled = {name: site for name, site in trace.items() if site["type"] == "sample"}
    latent = {name: site for name, site in sampled.items() if not site["is_observed"]}
    discrete = tuple(name for name, site in latent.items() if site["fn"].support.is_discrete)
    for name, site in trace.items():
        if site["type"] == "plate":
            _check_plate(name, *site["args"])
    for name in latent:
        _check_latent(name, latent[name]["fn"], name in discrete)
    continuous = tuple(name for name in latent if name not in discrete)
    if not continuous:
        raise ValueError(
            "model has no continuous latent site, so there is nothing to sample: give it one "
            "without obs, e.g. numpyro.sample('x', dist.Normal())."
        )
    return Sites(
        latent=continuous,
        discrete=discrete,
        observed={
            name: np.asarray(site["value"])
            for name, site in sampled.items()
            if is_observation(site)
        },
        parameters={
            name: site["value"]
            for name, site in trace.items()
            if site["type"] in ("param", "mutable")
        },
        axes={
            name: axes_of(site)
            for name, site in trace.items()
            if site["type"] in ("sample", "deterministic")
        },
    )


def is_observation(site: Mapping[str, Any]) -> bool:
    """Whether a site of a trace is data; a `numpyro.factor` is not."""
    is_observed = site["type"] == "sample" and site["is_observed"]
    return is_observed and not isinstance(site["fn"], dist.Unit)


def _check_plate(name: str, size: int, subsample_size: int | None) -> None:
    if subsample_size not in (None, size):
        raise ValueError(
            f"plate {name!r} has subsample_size={subsample_size} of {size}: a chain that sees a "
            "different part of the data in every step has a different target each time, so write "
            f"numpyro.plate({name!r}, {size}) without subsample_size."
        )


def _check_latent(name: str, fn: Any, is_discrete: bool) -> None:
    if isinstance(fn, dist.Delta):
        raise ValueError(
            f"site {name!r} has a delta distribution, which leaves nothing to sample: write "
            f"numpyro.deterministic({name!r}, value)."
        )
    if not is_discrete:
        return
    if not fn.has_enumerate_support:
        raise ValueError(
            f"site {name!r} is discrete and {type(fn).__name__} has too many values to be summed "
            "over: sum it out by hand, or give the site a distribution with finitely many values."
        )
    if importlib.util.find_spec("funsor") is None:
        raise ValueError(
            f"site {name!r} is discrete, and summing over its values needs funsor: pip install "
            "funsor, or sum it out by hand, e.g. with dist.MixtureSameFamily."
        )


def seeded(model: Any) -> Any:
    """The model with a key for anything that it draws, as in NumPyro's own inference."""
    return numpyro.handlers.seed(model, jax.random.key(0))
