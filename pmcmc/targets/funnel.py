"""Neal's funnel."""

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.targets.base import Reference, Target, make_once


@make_once
def funnel(dim: int = 10) -> Target:
    """A normal `v` with standard deviation 3, the first coordinate, and normals of scale `e^(v/2)`.

    No fixed step size suits both its mouth and its neck: a sampler that misses the neck gets too
    large a mean of `v`. The reference describes `v` and the other coordinates divided by their
    scale.

    Args:
        dim: number of coordinates, at least 2.

    Raises:
        ValueError: `dim` is out of range.
    """
    if dim < 2:
        raise ValueError(f"dim must be at least 2, got {dim}: write dim=10.")

    def logdensity(position: jax.Array) -> jax.Array:
        v, rest = position[0], position[1:]
        return -0.5 * ((v / 3) ** 2 + (dim - 1) * v + jnp.exp(-v) * jnp.sum(rest**2))

    def constrain(position: jax.Array) -> dict[str, jax.Array]:
        v, rest = position[0], position[1:]
        return {"v": v, "standardized": rest * jnp.exp(-v / 2)}

    def draw(rng_key: jax.Array) -> jax.Array:
        normal = jax.random.normal(rng_key, (dim,))
        v = 3 * normal[:1]
        return jnp.concatenate([v, normal[1:] * jnp.exp(v / 2)])

    zeros = {"v": np.float64(0), "standardized": np.zeros(dim - 1)}
    return Target(
        name="funnel",
        logdensity=logdensity,
        dim=dim,
        initial_position=np.zeros(dim),
        reference=Reference(
            mean=zeros,
            sd={"v": np.float64(3), "standardized": np.ones(dim - 1)},
            mcse_mean=zeros,
            origin="exact",
        ),
        citation="Neal, R. (2003). Slice sampling. Annals of Statistics, 31, 705-767, section 8",
        constrain=constrain,
        draw=draw,
    )
