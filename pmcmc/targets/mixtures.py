"""Mixtures of normal distributions in the plane."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.targets.base import Reference, Target, make_once


@make_once
def two_well() -> Target:
    """Two wells, between which a chain rarely crosses: the mixture of Gonzalez et al. (2025)."""
    return _mixture(
        name="two-well",
        weights=np.array([0.49, 0.51]),
        means=np.array([[-1.4, 0.0], [1.6, 0.0]]),
        variances=np.array([[0.45, 0.45], [0.54, 0.45]]),
        citation="Gonzalez, X., et al. (2025). Predictability enables parallelization of nonlinear "
        "state space models. arXiv:2508.16817",
    )


@make_once
def gaussian_mixture() -> Target:
    """Four normal distributions of different widths at the corners of a kite."""
    return _mixture(
        name="mixture of 4 Gaussians",
        weights=np.array([0.3, 0.2, 0.3, 0.2]),
        means=np.array([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [0.0, -1.5]]),
        variances=np.array([[0.5, 0.8], [1.0, 0.4], [0.8, 0.8], [0.6, 1.2]]),
        citation="none needed",
    )


def _mixture(
    name: str, weights: np.ndarray, means: np.ndarray, variances: np.ndarray, citation: str
) -> Target:
    """A mixture of normal distributions with independent coordinates.

    Args:
        name: of the target.
        weights: shape `(component,)`.
        means: shape `(component, 2)`.
        variances: shape `(component, 2)`.
        citation: of the target.
    """
    log_scales = np.log(weights) - 0.5 * np.sum(np.log(variances), axis=1)

    def logdensity(position: jax.Array) -> jax.Array:
        dtype = position.dtype
        offsets = position[None] - jnp.asarray(means, dtype)
        squares = jnp.sum(offsets**2 / jnp.asarray(variances, dtype), axis=1)
        terms = jnp.asarray(log_scales, dtype) - 0.5 * squares
        # By log odds: of a log-sum-exp, the second derivative loses its digits far out, where
        # first iterates of parallel sweeps pass.
        return functools.reduce(lambda a, b: b + jax.nn.softplus(a - b), list(terms))

    def draw(rng_key: jax.Array) -> jax.Array:
        component_key, normal_key = jax.random.split(rng_key)
        component = jax.random.categorical(component_key, jnp.log(jnp.asarray(weights)))
        normal = jax.random.normal(normal_key, (2,))
        sds = jnp.asarray(np.sqrt(variances), normal.dtype)
        return jnp.asarray(means, normal.dtype)[component] + sds[component] * normal

    mean = weights @ means
    sd = np.sqrt(weights @ (variances + means**2) - mean**2)
    return Target(
        name=name,
        logdensity=logdensity,
        dim=2,
        initial_position=np.zeros(2),
        reference=Reference(mean, sd, np.zeros(2), "exact"),
        citation=citation,
        draw=draw,
    )
