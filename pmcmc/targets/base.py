"""What a target distribution has to offer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np


@dataclass(frozen=True)
class Reference:
    """Moments known from elsewhere, to check a sampler against.

    They are of what `Target.constrain` returns, and have its structure.

    Args:
        mean: means.
        sd: standard deviations.
        mcse_mean: Monte Carlo standard errors of `mean`; zeros if exact.
        origin: how the figures were made.
    """

    mean: Any
    sd: Any
    mcse_mean: Any
    origin: str


class Transition(NamedTuple):
    """A transition that leaves the target as it is: the arguments of `pmcmc.CustomKernel`.

    Args:
        step: `(position, noise) -> position`.
        noise: `(rng_key, position) -> noise`.
    """

    step: Callable[[jax.Array, Any], jax.Array]
    noise: Callable[[jax.Array, jax.Array], Any]


def _as_it_is(position: jax.Array) -> jax.Array:
    return position


@dataclass(frozen=True, eq=False)
class Target:
    """A log density with what is needed to sample it and to check the draws.

    Args:
        name: short name, for tables.
        logdensity: log density up to a constant, from a position of shape `(dim,)` to a scalar.
        dim: number of coordinates.
        initial_position: a reasonable start, shape `(dim,)`.
        reference: moments to check against.
        citation: where the model and the data come from, with the licence of the data.
        constrain: from a position to the quantities that the reference is about: a dictionary of
            the model's parameters, or the position itself.
        draw: an exact draw of the position from a key, where there is one.
        gibbs: a Gibbs scan, where there is one.
    """

    name: str
    logdensity: Callable[[jax.Array], jax.Array]
    dim: int
    initial_position: np.ndarray
    reference: Reference
    citation: str
    constrain: Callable[[jax.Array], Any] = _as_it_is
    draw: Callable[[jax.Array], jax.Array] | None = None
    gibbs: Transition | None = None
