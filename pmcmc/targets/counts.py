"""The negative binomial distribution of counts."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

_FEW = 10  # factors that are multiplied; from there on Stirling's series, exact to 1e-12


def negative_binomial_logdensity(
    counts: np.ndarray,
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """The log probability of fixed counts, up to a constant, given means and overdispersion.

    A count has variance `mean + overdispersion * mean**2`. The ratio of gamma functions in its
    probability is `prod(1 + k * overdispersion for k in range(count))`, but for constants and a
    power: its first factors are multiplied, the others are taken by Stirling's series. Large terms
    are left out where they cancel, so that thousands of counts keep their digits in float32.

    Args:
        counts: whole numbers, any shape.

    Returns:
        A function of the means, of the shape of the counts, and a scalar overdispersion.
    """
    few = np.minimum(counts, _FEW)
    factors = np.arange(_FEW)
    n_above = np.array([np.sum(counts > k) for k in factors])

    def logdensity(means: jax.Array, overdispersion: jax.Array) -> jax.Array:
        y, m, k, n = (jnp.asarray(x, means.dtype) for x in (counts, few, factors, n_above))
        size = 1 / overdispersion
        product = jnp.sum(n * jnp.log1p(k * overdispersion))
        of_counts = _remainder(y + size) - _remainder(m + size)
        of_counts -= 0.5 * jnp.log1p(overdispersion * y)
        of_counts -= (m + size - 0.5) * jnp.log1p(overdispersion * m)
        # Means relative to the counts.
        excess = overdispersion * (means - y) / (1 + overdispersion * y)
        of_means = y * jnp.log(means / jnp.maximum(y, 1)) - (y + size) * jnp.log1p(excess)
        return product + jnp.sum(of_counts + of_means)

    return logdensity


def _remainder(x: jax.Array) -> jax.Array:
    """Of Stirling's series: `gammaln(x) - (x - 1/2) * log(x) + x - log(2 * pi) / 2`."""
    inverse = 1 / x
    square = inverse**2
    return inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
