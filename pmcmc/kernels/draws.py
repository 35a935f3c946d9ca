"""Random numbers of a step."""

import math
from typing import Any

import jax
import jax.numpy as jnp


def normals_and_uniforms(
    rng_key: jax.Array, n_normals: int, n_uniforms: int, dtype: Any
) -> tuple[jax.Array, jax.Array]:
    """Standard normal draws `(n_normals,)`, and uniform ones from the open interval (0, 1).

    They come from one call of the generator, since each call takes long to compile.
    """
    least = jnp.nextafter(jnp.array(-1.0, dtype), jnp.array(0.0, dtype))
    even = jax.random.uniform(rng_key, (n_normals + n_uniforms,), dtype, least, 1.0)
    return math.sqrt(2) * jax.lax.erf_inv(even[:n_normals]), (1 + even[n_normals:]) / 2
