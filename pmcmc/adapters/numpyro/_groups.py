"""What a model says of its data at a draw: log likelihoods, and data drawn anew."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
from numpyro import handlers

from pmcmc.adapters.numpyro._arguments import Arguments
from pmcmc.adapters.numpyro._model import UnconstrainedModel
from pmcmc.adapters.numpyro._sites import is_observation, seeded


@dataclass(frozen=True)
class LogLikelihood:
    """The log likelihood of every observation, given the values of latent sites.

    Args:
        model: NumPyro's.
        arguments: what it is called with, `(args, kwargs)`, and the values of its parameters.
    """

    model: Callable[..., Any]
    arguments: Arguments

    def __call__(self, latent: dict[str, jax.Array]) -> dict[str, jax.Array]:
        (args, kwargs), parameters = self.arguments.tree
        model = handlers.substitute(seeded(self.model), data={**parameters, **latent})
        trace = handlers.trace(model).get_trace(*args, **kwargs)
        return {
            name: site["fn"].log_prob(site["value"])
            for name, site in trace.items()
            if is_observation(site)
        }


@dataclass(frozen=True)
class Prediction:
    """The observed sites drawn anew, given the values of latent sites; arguments as above."""

    model: Callable[..., Any]
    arguments: Arguments

    def __call__(self, draw: tuple[jax.Array, dict[str, jax.Array]]) -> dict[str, jax.Array]:
        rng_key, latent = draw
        (args, kwargs), parameters = self.arguments.tree
        known = handlers.substitute(self.model, data={**parameters, **latent})
        model = handlers.uncondition(handlers.seed(known, rng_key))
        trace = handlers.trace(model).get_trace(*args, **kwargs)
        return {
            name: site["value"]
            for name, site in trace.items()
            if site["type"] == "sample" and site["infer"].get("was_observed")
            if site["value"].size  # a factor has no value
        }


def with_parameters(model: UnconstrainedModel) -> Arguments:
    """What the two functions above are made of, for the model's own data.

    Raises:
        ValueError: the model has discrete latent sites, of which there are no draws.
    """
    if model.sites.discrete:
        raise ValueError(
            f"site {model.sites.discrete[0]!r} is discrete and was summed out, so observations "
            "given its value cannot be told: write numpyro.infer.Predictive(model, sites, "
            "infer_discrete=True)."
        )
    return Arguments((model.arguments.tree, model.sites.parameters))
