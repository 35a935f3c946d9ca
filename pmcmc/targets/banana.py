"""A normal distribution bent into a banana."""

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.targets.base import Reference, Target, make_once

_CURVATURE, _SD = 0.03, 10.0


@make_once
def banana() -> Target:
    """`x[0]` is normal with standard deviation 10, `x[1]` standard normal around a parabola.

    The parabola is `0.03 * (x[0]**2 - 100)`, so both have mean 0. This is the banana of Inference
    Gym.
    """

    def logdensity(position: jax.Array) -> jax.Array:
        bend = _CURVATURE * (position[0] ** 2 - _SD**2)
        return -0.5 * ((position[0] / _SD) ** 2 + (position[1] - bend) ** 2)

    def draw(rng_key: jax.Array) -> jax.Array:
        normal = jax.random.normal(rng_key, (2,))
        first = _SD * normal[0]
        return jnp.stack([first, normal[1] + _CURVATURE * (first**2 - _SD**2)])

    # A squared standard normal number has variance 2.
    sd = np.array([_SD, np.sqrt(1 + 2 * (_CURVATURE * _SD**2) ** 2)])
    return Target(
        name="banana",
        logdensity=logdensity,
        dim=2,
        initial_position=np.zeros(2),
        reference=Reference(np.zeros(2), sd, np.zeros(2), "exact"),
        citation="Haario, H., Saksman, E., & Tamminen, J. (1999). Adaptive proposal distribution "
        "for random walk Metropolis algorithm. Computational Statistics, 14, 375-395; the "
        "constants are those of Sountsov, P., Radul, A., et al. (2020). Inference Gym",
        draw=draw,
    )
