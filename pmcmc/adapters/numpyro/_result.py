"""What `sample_model` returns."""

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from pmcmc import _arviz
from pmcmc._result import Info, Result
from pmcmc.adapters._keys import as_key
from pmcmc.adapters.numpyro._model import UnconstrainedModel


@dataclass(frozen=True, repr=False, eq=False)
class ModelResult:
    """Draws of a NumPyro model's sites, and how they came about.

    Args:
        positions: values of latent and deterministic sites by name, NumPy arrays of shape
            `(chain, draw, *event)`.
        unconstrained: the result of `pmcmc.sample` behind it, in unconstrained coordinates.
        model: the model that was sampled.
    """

    positions: dict[str, np.ndarray]
    unconstrained: Result
    model: UnconstrainedModel

    @property
    def stats(self) -> dict[str, np.ndarray]:
        """Statistics per draw; `logdensity` is that of the unconstrained position."""
        return self.unconstrained.stats

    @property
    def info(self) -> Info:
        """How the draws came about."""
        return self.unconstrained.info

    @property
    def final_state(self) -> Any:
        """State of the kernel after the last step, in unconstrained coordinates."""
        return self.unconstrained.final_state

    def log_likelihood(self) -> dict[str, np.ndarray]:
        """The log likelihood of each observation at each draw, by observed site.

        Raises:
            ValueError: a discrete latent site was summed out.
        """
        found: dict[str, np.ndarray] = self.model.log_likelihood_draws(self._latent())
        return found

    def posterior_predictive(self, rng_key: jax.Array | int = 0) -> dict[str, np.ndarray]:
        """Data drawn anew at each draw, by observed site.

        For predictions with other arguments write `numpyro.infer.Predictive(model,
        result.positions, batch_ndims=2)`.

        Args:
            rng_key: a key of `jax.random`, or an integer seed.

        Raises:
            ValueError: a discrete latent site was summed out.
        """
        keys = jax.random.split(as_key(rng_key), self.stats["is_accepted"].shape)
        found: dict[str, np.ndarray] = self.model.predictive_draws((keys, self._latent()))
        return found

    def to_arviz(
        self,
        *,
        log_likelihood: bool = False,
        posterior_predictive: bool = False,
        dims: Mapping[str, Sequence[str]] | None = None,
        coords: Mapping[str, Any] | None = None,
    ) -> Any:
        """Draws, statistics and data in the installed ArviZ's own container.

        Axes of a site that belong to a plate have its name and count it.

        Args:
            log_likelihood: whether to add that group.
            posterior_predictive: whether to add that group; for another seed add the draws of
                `posterior_predictive(rng_key)` yourself.
            dims: names of axes by site, in place of those of the plates.
            coords: coordinates by name of an axis, in place of counts.

        Returns:
            An `xarray.DataTree` with ArviZ 1.0 and newer, else an `arviz.InferenceData`, with the
            groups `posterior`, `sample_stats`, `observed_data` where there is data, and what was
            asked for.

        Raises:
            ImportError: ArviZ is not installed.
            ValueError: a discrete latent site was summed out and a group was asked for.
        """
        sites = self.model.sites
        groups: dict[str, dict[str, np.ndarray]] = {}
        if sites.observed:
            groups["observed_data"] = sites.observed
        if log_likelihood:
            groups["log_likelihood"] = self.log_likelihood()
        if posterior_predictive:
            groups["posterior_predictive"] = self.posterior_predictive()
        named = dataclasses.replace(self.unconstrained, positions=self.positions)
        return _arviz.with_groups(
            named.to_arviz(),
            groups,
            dims={**sites.dims, **(dims or {})},
            coords={**sites.coords, **(coords or {})},
        )

    def summary(self) -> Any:
        """ArviZ's table: mean, sd, interval, effective sample sizes, R-hat; a row a number.

        Warns:
            UserWarning: a chain has not converged.

        Raises:
            ImportError: ArviZ is not installed.
        """
        if not self.info.converged.all():
            warnings.warn(repr(self.unconstrained), stacklevel=2)
        return _arviz.summary(self.to_arviz())

    def __repr__(self) -> str:
        sites = ", ".join(f"{name} {value.shape[2:]}" for name, value in self.positions.items())
        return f"{self.unconstrained!r}\n  sites       {sites}"

    def _latent(self) -> dict[str, np.ndarray]:
        return {name: self.positions[name] for name in self.model.sites.latent}
