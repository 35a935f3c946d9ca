"""Approximations of Jacobians by 2 x 2 blocks, each block diagonal."""

from typing import Any

import jax
import jax.numpy as jnp

from pmcmc._util.checks import store_count
from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.structures.base import StateMap, Structure, probes, push


class DiagonalBlocks(Structure, static=("n_probes",)):
    """Diagonals of the four blocks of the Jacobian, for states of two halves.

    The halves are position and momentum (a leapfrog step of HMC), or position and gradient.
    Products of such matrices have the same form (Zoltowski et al., 2025). A matrix has shape `(2,
    2, D / 2)`: entry `[i, j]` says how half `i` of the next state depends on half `j` of this one.

    Args:
        n_probes: number of Hutchinson probes per half; `None` for the exact diagonals, with `D / 2`
            of them.

    Raises:
        ValueError: `n_probes` is not a positive integer; when used, the state does not have two
            halves.
    """

    n_probes: int | None = 1

    def __post_init__(self) -> None:
        if self.n_probes is not None:
            store_count(self, "n_probes")

    @property
    def n_parts(self) -> int:
        return 2

    def check(self, n_states: int, dim: int, itemsize: int) -> None:
        if dim % 2:
            raise ValueError(
                f"jacobian=DiagonalBlocks() needs a state of two equal halves, such as position "
                f"and momentum, got one of {dim} numbers: write jacobian=pmcmc.solvers.Diagonal()."
            )

    def products(self, dim: int) -> float:
        return dim if self.n_probes is None else 2 * self.n_probes

    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, jax.Array]:
        half = state.shape[0] // 2
        vectors = probes(self.n_probes, state[:half], rng_key)
        zeros = jnp.zeros_like(vectors)
        of_halves = [
            jnp.concatenate([vectors, zeros], axis=1),
            jnp.concatenate([zeros, vectors], axis=1),
        ]
        value, aux, pushed = push(step, state, coordinates, jnp.concatenate(of_halves))
        pushed = pushed.reshape(2, -1, 2, half)  # half pushed, probe, half reached, coordinate
        products = jnp.sum(vectors[None, :, None] * pushed, axis=1)
        return value, aux, jnp.swapaxes(products, 0, 1)

    def compose(self, later: jax.Array, earlier: jax.Array) -> jax.Array:
        # Written out: a batch of tiny matrix products is slow everywhere.
        return later[:, 0, None] * earlier[0, None] + later[:, 1, None] * earlier[1, None]

    def apply(self, matrix: jax.Array, vector: jax.Array) -> jax.Array:
        first, second = jnp.split(vector, 2)
        return jnp.concatenate([row[0] * first + row[1] * second for row in matrix])

    def clip(self, matrix: jax.Array, rho: jax.Array | float) -> jax.Array:
        (a, b), (c, d) = matrix
        # Singular values of a 2 x 2 matrix, from those of its conformal and anticonformal parts.
        norm = (jnp.hypot(a + d, c - b) + jnp.hypot(a - d, c + b)) / 2
        factor = jnp.where(norm > rho, rho / jnp.where(norm > 0, norm, 1.0), 1.0)
        return matrix * factor[None, None]

    def transpose(self, matrix: jax.Array) -> jax.Array:
        return jnp.swapaxes(matrix, 0, 1)

    def identity_like(self, matrix: jax.Array) -> jax.Array:
        one, zero = jnp.ones_like(matrix[0, 0]), jnp.zeros_like(matrix[0, 0])
        return jnp.array([[one, zero], [zero, one]])

    def resolvent(self, matrix: jax.Array) -> jax.Array:
        (a, b), (c, d) = self.identity_like(matrix) + matrix
        return jnp.array([[d, -b], [-c, a]]) / (a * d - b * c)[None, None]
