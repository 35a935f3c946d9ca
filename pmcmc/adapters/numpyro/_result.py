"""What `sample_model` returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pmcmc._html import write
from pmcmc._result import Result
from pmcmc._run_info import RunInfo
from pmcmc._util import arviz_compat
from pmcmc._util.callers import warn_user
from pmcmc._util.keys import as_key
from pmcmc.adapters.numpyro._model import UnconstrainedModel


@dataclass(frozen=True, repr=False, eq=False)
class ModelResult:
    """Draws of a NumPyro model's sites, with the record of the run.

    Args:
        positions: values of latent and deterministic sites by name, NumPy arrays of shape
            `(chain, draw, *event)`.
        unconstrained: the underlying result of `pmcmc.sample`, in unconstrained coordinates.
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
    def info(self) -> RunInfo:
        """Record of the run."""
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
        """Simulated data for each draw, by observed site.

        For predictions with other arguments use `numpyro.infer.Predictive(model, result.positions,
        batch_ndims=2)`.

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
        dims: Mapping[str, Sequence[str | None]] | None = None,
        coords: Mapping[str, Any] | None = None,
    ) -> Any:
        """Draws, statistics and data in the installed ArviZ's own container.

        Plate axes have the name of the plate; other axes are called `site_dim_0` and so on.
        Slashes, which netCDF does not allow, become dots: `a/b` is called `a.b`. A site called
        `chain` or `draw` becomes `chain_` or `draw_`. So does a plate with one of these names or
        with the name of a site, such as `school_`.

        Args:
            log_likelihood: whether to add that group.
            posterior_predictive: whether to add that group; for another seed add the draws of
                `posterior_predictive(rng_key)` yourself.
            dims: names of axes by site, one for each axis after `(chain, draw)`, instead of those
                of the plates; `None` to leave one as it is.
            coords: coordinates by name of an axis; the default counts from 0.

        Returns:
            An `xarray.DataTree` with ArviZ 1.0 and newer, otherwise an `arviz.InferenceData`, with
            the groups `posterior`, `sample_stats`, `observed_data` if there are data, and those
            requested.

        Raises:
            ImportError: ArviZ is not installed.
            ValueError: a discrete latent site was summed out and a group was requested, two sites
                would have one name, or `dims` or `coords` do not fit.
        """
        groups: dict[str, dict[str, np.ndarray]] = {}
        if self.model.sites.observed:
            groups["observed_data"] = self.model.sites.observed
        if log_likelihood:
            groups["log_likelihood"] = self.log_likelihood()
        if posterior_predictive:
            groups["posterior_predictive"] = self.posterior_predictive()
        return arviz_compat.to_arviz(
            self.positions,
            self.stats,
            self.info.attributes(),
            groups=groups,
            axes={
                group: self._axis_names(group, variables)
                for group, variables in {"posterior": self.positions, **groups}.items()
            },
            dims=dims,
            coords=coords,
        )

    def _axis_names(
        self, group: str, variables: Mapping[str, np.ndarray]
    ) -> dict[str, list[str | None]]:
        names = {}
        for name, values in variables.items():
            axes = self.model.sites.axes[name]
            shape = values.shape if group == "observed_data" else values.shape[2:]
            is_a_number = group == "log_likelihood"
            names[name] = axes.names_without_event(shape) if is_a_number else axes.names(shape)
        return names

    def summary(self) -> Any:
        """ArviZ's table, one row per number: mean, sd, interval, effective sample sizes, R-hat.

        Warns:
            UserWarning: a chain has not converged.

        Raises:
            ImportError: ArviZ is not installed.
        """
        if not self.info.converged.all():
            warn_user(repr(self.unconstrained))
        return arviz_compat.summary(self.to_arviz())

    def report_html(self, path: Any) -> Path:
        """Write a page about this result, as in `pmcmc.Result.report_html`."""
        return write(self, path)

    def __repr__(self) -> str:
        sites = ", ".join(f"{name} {value.shape[2:]}" for name, value in self.positions.items())
        return f"{self.unconstrained!r}\n  sites       {sites}"

    def _latent(self) -> dict[str, np.ndarray]:
        return {name: self.positions[name] for name in self.model.sites.latent}
