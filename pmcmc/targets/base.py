"""What a target distribution has to offer."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np


@dataclass(frozen=True)
class Reference:
    """Posterior moments known from elsewhere, to check a sampler against.

    Args:
        mean: posterior means, shape `(dim,)`.
        sd: posterior standard deviations, shape `(dim,)`.
        mcse_mean: Monte Carlo standard errors of `mean`, shape `(dim,)`; zeros if exact.
        origin: how the figures were made.
    """

    mean: np.ndarray
    sd: np.ndarray
    mcse_mean: np.ndarray
    origin: str


@dataclass(frozen=True, eq=False)
class Target:
    """A log density with what is needed to sample it and to check the draws.

    Args:
        name: short name, for tables.
        logdensity: log density up to a constant, from a position of shape `(dim,)` to a scalar.
        dim: number of coordinates.
        initial_position: a reasonable start, shape `(dim,)`.
        reference: posterior moments to check against.
        citation: where the model and the data come from, with the licence of the data.
    """

    name: str
    logdensity: Callable[[jax.Array], jax.Array]
    dim: int
    initial_position: np.ndarray
    reference: Reference
    citation: str
