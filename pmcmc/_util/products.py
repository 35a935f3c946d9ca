"""Products of arrays at full precision: by default, accelerators round float32 to fewer digits."""

import jax
import jax.numpy as jnp


def product(left: jax.Array, right: jax.Array) -> jax.Array:
    """`left @ right`."""
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)
