"""Trajectories from users, as arrays of flat states."""

from typing import Any

import jax
import jax.numpy as jnp


def flatten_states(states: Any, state: Any, axes: tuple[int, ...]) -> jax.Array:
    """States with leading `axes` as one array `(*axes, D)`.

    Args:
        states: pytree of the structure of `state`, leaves `(*axes, *event)`.
        state: one state, a pytree of arrays.
        axes: the expected leading axes.

    Raises:
        ValueError: structure or shapes do not match.
    """
    got = jax.tree.map(jnp.shape, states)
    expected = jax.tree.map(lambda leaf: (*axes, *jnp.shape(leaf)), state)
    if got != expected:
        raise ValueError(
            f"states of TrajectoryGuess must have the shapes {expected}, got {got}: write "
            "TrajectoryGuess(states) with states like those of the solution."
        )
    dtype = jnp.result_type(*jax.tree.leaves(state))
    leaves = [jnp.asarray(leaf, dtype).reshape(*axes, -1) for leaf in jax.tree.leaves(states)]
    return jnp.concatenate(leaves, axis=-1)
