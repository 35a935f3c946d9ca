"""When the residual of a Markov chain is small enough."""

import jax
import jax.numpy as jnp


def typical_step(steps: jax.Array, is_live: jax.Array) -> jax.Array:
    """Geometric mean of the sizes of the steps of a window, `(W, D)`, per coordinate.

    Rejections, which are no steps, do not count; one jump among many steps hardly does.
    """
    size = jnp.abs(steps)
    counts = is_live[:, None] & jnp.isfinite(size) & (size > 0)
    logs = jnp.where(counts, jnp.log(jnp.where(counts, size, 1.0)), 0.0)
    n_steps = jnp.sum(counts, axis=0)
    return jnp.where(n_steps > 0, jnp.exp(jnp.sum(logs, axis=0) / jnp.maximum(n_steps, 1)), 0.0)


def tolerance_of_moves(
    atol: jax.Array, rtol: jax.Array, states: jax.Array, scale: jax.Array
) -> jax.Array:
    """Largest residual of a finished state, at most `atol + rtol * |s|`.

    Where the chain moves by less than 1, or by less than its distance from the origin, its moves
    are what counts: a tolerance as large as they are would let any chain pass. The last term is
    rounding, below which a residual cannot be seen.

    Args:
        atol: what was asked for.
        rtol: what was asked for.
        states: shape `(W, D)`.
        scale: typical step of each coordinate, shape `(D,)`.
    """
    size = jnp.abs(states)
    rounding = jnp.minimum(rtol, 2 * jnp.finfo(states.dtype).eps) * size
    relative = rtol * jnp.minimum(size, scale[None])
    return atol * jnp.minimum(scale, 1.0)[None] + jnp.maximum(relative, rounding)
