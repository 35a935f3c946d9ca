"""How fast small perturbations of a chain grow."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def grow(
    step: Callable[[jax.Array, Any], jax.Array], state: jax.Array, vectors: jax.Array, inputs: Any
) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
    """Push tangent vectors along the chain of a flat state.

    Returns:
        The last state and the vectors there, scaled to length 1; and the mean log growth of the
        vectors in each step.
    """

    def normalized(vectors: jax.Array) -> tuple[jax.Array, jax.Array]:
        norm = jnp.linalg.norm(vectors, axis=1)
        return vectors / jnp.where(norm > 0, norm, 1.0)[:, None], norm

    def advance(carry: tuple[jax.Array, jax.Array], u: Any) -> tuple[Any, jax.Array]:
        state, vectors = carry
        state, push = jax.linearize(lambda s: step(s, u), state)
        vectors, growth = normalized(jax.vmap(push)(vectors))
        return (state, vectors), jnp.mean(jnp.log(growth))

    return lax.scan(advance, (state, normalized(vectors)[0]), inputs)
