"""The tolerance of residuals."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._util.checks import check_positive, is_concrete, short
from pmcmc.solvers.place import Place


def check_tolerances(atol: Any, rtol: Any) -> None:
    """Raise a `ValueError` unless both are `None` or positive, and `rtol` is below 1."""
    for name, given in (("atol", atol), ("rtol", rtol)):
        if given is not None:
            check_positive(name, given, f"{name}=1e-6")
    if is_concrete(rtol) and not rtol < 1:
        raise ValueError(f"rtol must be below 1, got {short(rtol)}: write rtol=1e-6.")


def with_defaults(atol: Any, rtol: Any, dtype: Any) -> tuple[Any, Any]:
    """The tolerances, 1e-12 in float64 and 1e-5 in float32 where they are `None`."""
    default = 1e-12 if dtype == np.float64 else 1e-5
    return default if atol is None else atol, default if rtol is None else rtol


def tolerance(atol: jax.Array, rtol: jax.Array, states: jax.Array) -> jax.Array:
    """Largest residual of a finished state, for states `(W, D)`."""
    return atol + rtol * jnp.abs(states)


def tolerance_of_moves(
    atol: jax.Array,
    rtol: jax.Array,
    states: jax.Array,
    moves: jax.Array,
    is_live: jax.Array,
    place: Place,
) -> jax.Array:
    """The same for the states of a Markov chain, at most `atol + rtol * |s|`.

    If the chain moves by less than 1, or by less than its distance from the origin, the tolerance
    is relative to its moves: one as large as the moves would accept any chain. The last term is
    rounding, below which no residual can be measured.

    Args:
        atol: what was asked for.
        rtol: what was asked for.
        states: shape `(W, D)`.
        moves: moves of the steps of the window, shape `(W, D)`.
        is_live: which rows are steps of the chain, shape `(W,)`.
        place: where the rows are.
    """
    scale = _typical(moves, is_live, place)
    size = jnp.abs(states)
    rounding = jnp.minimum(rtol, 2 * jnp.finfo(states.dtype).eps) * size
    relative = rtol * jnp.minimum(size, scale[None])
    return atol * jnp.minimum(scale, 1.0)[None] + jnp.maximum(relative, rounding)


def _typical(moves: jax.Array, is_live: jax.Array, place: Place) -> jax.Array:
    """Geometric mean of the sizes of the moves, `(W, D)`, per coordinate.

    Rejections are not moves and do not count; one jump among many moves hardly matters.
    """
    size = jnp.abs(moves)
    counts = is_live[:, None] & jnp.isfinite(size) & (size > 0)
    logs = jnp.where(counts, jnp.log(jnp.where(counts, size, 1.0)), 0.0)
    n_moves = place.sum(jnp.sum(counts, axis=0, dtype=jnp.int32))
    mean = place.sum(jnp.sum(logs, axis=0)) / jnp.maximum(n_moves, 1).astype(logs.dtype)
    return jnp.where(n_moves > 0, jnp.exp(mean), 0.0)
