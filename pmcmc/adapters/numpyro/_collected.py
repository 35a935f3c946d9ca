"""The draws of an `MCMC`, with the methods of NumPyro's class."""

from typing import Any

import jax
import numpy as np
import numpyro.diagnostics
import numpyro.infer

from pmcmc._result import Result
from pmcmc.adapters.numpyro import _fields
from pmcmc.adapters.numpyro._result import ModelResult


class Drawn:
    """Samples and fields of one of our runs.

    Args:
        samples: the result of `get_samples`, leaves `(chain, draw, *event)`.
        unconstrained: the underlying result.
        fields: names of the requested fields.
        excluded: names of sites to leave out.
    """

    def __init__(
        self,
        samples: Any,
        unconstrained: Result,
        fields: tuple[str, ...],
        excluded: tuple[str, ...],
    ) -> None:
        if isinstance(samples, dict):
            samples = {name: value for name, value in samples.items() if name not in excluded}
        self._samples = samples
        self._unconstrained = unconstrained
        self._fields = fields

    def get_samples(self, group_by_chain: bool = False) -> Any:
        """Leading axes are `(chain, draw)`, or one of all draws."""
        return self._samples if group_by_chain else _merged(self._samples)

    def get_extra_fields(self, group_by_chain: bool = False) -> dict[str, Any]:
        """The requested fields, and `diverging`, with axes as above."""
        fields: dict[str, Any] = _fields.select(self._unconstrained, self._fields)
        return fields if group_by_chain else _merged(fields)

    def print_summary(self, prob: float = 0.9, exclude_deterministic: bool = True) -> None:
        """Print NumPyro's table."""
        sites, latent = self._samples, self._unconstrained.positions
        if exclude_deterministic and isinstance(sites, dict) and isinstance(latent, dict):
            sites = {name: value for name, value in sites.items() if name in latent}
        numpyro.diagnostics.print_summary(sites, prob=prob)
        print(f"Number of divergences: {int(self.get_extra_fields()['diverging'].sum())}")

    def transfer_states_to_host(self) -> None:
        """Do nothing: the draws are on the host already."""


class Collected:
    """The part of `MCMC` that returns the draws."""

    def __init__(self) -> None:
        self._last_state: Any = None
        self._result: Result | ModelResult | None = None
        self._drawn: Drawn | numpyro.infer.MCMC | None = None

    @property
    def last_state(self) -> Any:
        """The state after the last step.

        It is an `HMCState`, from which NumPyro's own `MCMC` can continue, or a `ChainState` with a
        `ModelKernel`. Assign it to `post_warmup_state` to continue here.
        """
        return self._last_state

    @property
    def result(self) -> Result | ModelResult:
        """The draws with their evidence: a result of `sample_model` or `pmcmc.sample`.

        Raises:
            RuntimeError: nothing has been run.
        """
        if self._result is None:
            raise _nothing_drawn()
        return self._result

    def get_samples(self, group_by_chain: bool = False) -> Any:
        """Values of latent and deterministic sites by name, NumPy arrays.

        Args:
            group_by_chain: whether leading axes are `(chain, draw)`, or one of all draws.
        """
        return jax.device_get(self._some_draws().get_samples(group_by_chain))

    def get_extra_fields(self, group_by_chain: bool = False) -> dict[str, Any]:
        """The fields asked for in `run`, and `diverging`; as in `get_samples`.

        Args:
            group_by_chain: whether leading axes are `(chain, draw)`, or one of all draws.
        """
        fields: dict[str, Any] = self._some_draws().get_extra_fields(group_by_chain)
        return jax.device_get(fields)

    def print_summary(self, prob: float = 0.9, exclude_deterministic: bool = True) -> None:
        """Print NumPyro's table of the samples.

        Args:
            prob: mass of the intervals.
            exclude_deterministic: whether to leave deterministic sites out.
        """
        self._some_draws().print_summary(prob, exclude_deterministic)

    def transfer_states_to_host(self) -> None:
        """Move the draws of a collected warm-up to the host; all others are there already."""
        self._some_draws().transfer_states_to_host()

    def to_arviz(self, **kwargs: Any) -> Any:
        """The model's sites in the installed ArviZ's container: see `ModelResult.to_arviz`."""
        return self.result.to_arviz(**kwargs)

    def _some_draws(self) -> Drawn | numpyro.infer.MCMC:
        if self._drawn is None:
            raise _nothing_drawn()
        return self._drawn


def _nothing_drawn() -> RuntimeError:
    return RuntimeError("there are no draws yet: write mcmc.run(jax.random.key(0), ...).")


def _merged(tree: Any) -> Any:
    return jax.tree.map(lambda x: np.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:])), tree)
