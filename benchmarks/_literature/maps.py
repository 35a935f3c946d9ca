"""Smaller recursions of the literature."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def lorenz_96(s: jax.Array, u: Any) -> jax.Array:
    """A Runge-Kutta step of 0.01 of Lorenz-96 with a force of 8."""

    def velocity(s: jax.Array) -> jax.Array:
        return (jnp.roll(s, -1) - jnp.roll(s, 2)) * jnp.roll(s, 1) - s + 8.0

    h = 0.01
    k1 = velocity(s)
    k2 = velocity(s + h / 2 * k1)
    k3 = velocity(s + h / 2 * k2)
    k4 = velocity(s + h * k3)
    return s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def lorenz_96_start(size: int = 5, n_steps: int = 10_000) -> jax.Array:
    """A state on the attractor."""
    start = jnp.full(size, 8.0).at[0].add(0.01)
    return jax.lax.fori_loop(0, n_steps, lambda _, s: lorenz_96(s, None), start)


def permute(s: jax.Array, u: jax.Array) -> jax.Array:
    """The word problem of five letters: the state is permuted by the input, a permutation."""
    return s[u]


def words(length: int, seed: int = 0) -> np.ndarray:
    """Random permutations of five, shape `(length, 5)`."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(5) for _ in range(length)])


def gaussian_langevin(step_size: float) -> Any:
    """Unadjusted Langevin steps on a correlated Gaussian in 4 dimensions."""
    precision = np.linalg.inv(0.5 * np.eye(4) + 0.5)

    def step(s: jax.Array, u: jax.Array) -> jax.Array:
        return s - step_size * jnp.asarray(precision) @ s + np.sqrt(2 * step_size) * u

    return step
