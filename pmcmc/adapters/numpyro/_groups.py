"""Functions of a model's data at a draw: log likelihoods and simulated data."""

from typing import Any

import jax
from numpyro import handlers

from pmcmc.adapters.numpyro._simulate import simulate
from pmcmc.adapters.numpyro._sites import Sites, is_observation, seeded


class LogLikelihood:
    """The log likelihood of every observation, given the values of latent sites.

    Args:
        model: NumPyro's.
        arguments: its arguments, `(args, kwargs)`.
        sites: description of its sites.

    Raises:
        ValueError: the model has discrete latent sites, of which there are no draws.
    """

    def __init__(self, model: Any, arguments: Any, sites: Sites) -> None:
        _check_continuous(sites)
        self._model = handlers.substitute(model, data=sites.parameters)
        self._arguments = arguments

    def __call__(self, latent: dict[str, jax.Array]) -> dict[str, jax.Array]:
        args, kwargs = self._arguments
        model = handlers.substitute(seeded(self._model), data=latent)
        trace = handlers.trace(model).get_trace(*args, **kwargs)
        return {
            name: site["fn"].log_prob(site["value"])
            for name, site in trace.items()
            if is_observation(site)
        }


class Prediction:
    """Simulated observed sites, given the values of latent sites; arguments as above."""

    def __init__(self, model: Any, arguments: Any, sites: Sites) -> None:
        _check_continuous(sites)
        self._model = handlers.substitute(model, data=sites.parameters)
        self._arguments = arguments

    def __call__(self, draw: tuple[jax.Array, dict[str, jax.Array]]) -> dict[str, jax.Array]:
        rng_key, latent = draw
        args, kwargs = self._arguments
        known = handlers.substitute(self._model, data=latent)
        model = simulate(handlers.seed(known, rng_key))
        trace = handlers.trace(model).get_trace(*args, **kwargs)
        return {
            name: site["value"]
            for name, site in trace.items()
            if site["type"] == "sample" and site["infer"].get("was_observed")
            if site["value"].size  # a factor has no value
        }


def _check_continuous(sites: Sites) -> None:
    if sites.discrete:
        raise ValueError(
            f"site {sites.discrete[0]!r} is discrete and was summed out, so observations given its "
            "value cannot be simulated: write numpyro.infer.Predictive(model, sites, "
            "infer_discrete=True)."
        )
