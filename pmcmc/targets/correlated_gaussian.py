"""A normal distribution with correlated coordinates."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.targets.base import Reference, Target, make_once


@make_once
def correlated_gaussian(dim: int = 25, correlation: float = 0.9) -> Target:
    """A normal distribution with means 0 and correlation `correlation**|i - j|`.

    Standard deviations are equally spaced on a logarithmic scale from 0.5 to 2.

    Args:
        dim: number of coordinates, at least 2.
        correlation: correlation of neighbors, between -1 and 1.

    Raises:
        ValueError: an argument is out of range.
    """
    if dim < 2:
        raise ValueError(f"dim must be at least 2, got {dim}: write dim=25.")
    if not -1 < correlation < 1:
        raise ValueError(
            f"correlation must be between -1 and 1, got {correlation}: write correlation=0.9."
        )
    sd = np.geomspace(0.5, 2.0, dim)
    spread = math.sqrt(1 - correlation**2)

    def logdensity(position: jax.Array) -> jax.Array:
        # Coordinates are an autoregression: each but the first has one normal innovation.
        standard = position / jnp.asarray(sd, position.dtype)
        innovations = (standard[1:] - correlation * standard[:-1]) / spread
        return -0.5 * (standard[0] ** 2 + jnp.sum(innovations**2))

    factor = np.linalg.cholesky(correlation ** np.abs(np.subtract.outer(range(dim), range(dim))))

    def draw(rng_key: jax.Array) -> jax.Array:
        normal = jax.random.normal(rng_key, (dim,))
        return jnp.asarray(sd, normal.dtype) * (jnp.asarray(factor, normal.dtype) @ normal)

    return Target(
        name="correlated Gaussian",
        logdensity=logdensity,
        dim=dim,
        initial_position=np.zeros(dim),
        reference=Reference(np.zeros(dim), sd, np.zeros(dim), "exact"),
        citation="none needed",
        draw=draw,
    )
