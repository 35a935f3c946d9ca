"""Full blocks on the diagonal."""

from typing import Any

import jax
import jax.numpy as jnp

from pmcmc._util.checks import store_count
from pmcmc._util.products import product
from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.structures.base import StateMap, Structure, probes, push


class DenseBlocks(Structure, static=("size", "n_probes")):
    """Blocks of neighboring coordinates, shape `(D / size, size, size)`, for loosely coupled parts.

    Examples are several particles, or sites of a lattice. The blocks are estimated with Hutchinson
    probes, one sign per block, and are exact if nothing couples them. To make other groups of
    coordinates neighbors, use a permutation matrix as the basis.

    Args:
        size: size of a block.
        n_probes: number of probes, each with `size` Jacobian-vector products per step; `None` for
            the exact blocks, with `D` products.

    Raises:
        ValueError: an argument is not a positive integer; when used, the state is not made of
            blocks of this size.
    """

    size: int
    n_probes: int | None = 1

    def __post_init__(self) -> None:
        store_count(self, "size")
        if self.n_probes is not None:
            store_count(self, "n_probes")

    def check(self, n_states: int, dim: int, itemsize: int) -> None:
        if dim % self.size:
            raise ValueError(
                f"jacobian=DenseBlocks({self.size}) needs states of a multiple of {self.size} "
                f"numbers, got one of {dim}: write another size, or jacobian=Dense()."
            )

    def products(self, dim: int) -> float:
        return dim if self.n_probes is None else self.size * self.n_probes

    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, jax.Array]:
        blocks = state.reshape(-1, self.size)
        signs = probes(self.n_probes, blocks[:, 0], rng_key)  # (probe, block)
        units = jnp.eye(self.size, dtype=state.dtype)
        tangents = signs[:, None, :, None] * units[None, :, None, :]
        value, aux, pushed = push(step, state, coordinates, tangents.reshape(-1, state.size))
        columns = pushed.reshape(-1, self.size, *blocks.shape)  # (probe, column, block, row)
        return value, aux, jnp.transpose(jnp.sum(signs[:, None, :, None] * columns, 0), (1, 2, 0))

    def compose(self, later: jax.Array, earlier: jax.Array) -> jax.Array:
        return product(later, earlier)

    def apply(self, matrix: jax.Array, vector: jax.Array) -> jax.Array:
        return product(matrix, vector.reshape(-1, self.size, 1)).reshape(-1)

    def clip(self, matrix: jax.Array, rho: jax.Array | float) -> jax.Array:
        left, values, right = jnp.linalg.svd(matrix, full_matrices=False)
        return product(left, jnp.minimum(values, rho)[..., None] * right)

    def transpose(self, matrix: jax.Array) -> jax.Array:
        return jnp.swapaxes(matrix, 1, 2)

    def identity_like(self, matrix: jax.Array) -> jax.Array:
        return jnp.broadcast_to(jnp.eye(self.size, dtype=matrix.dtype)[None], matrix.shape)

    def resolvent(self, matrix: jax.Array) -> jax.Array:
        return jnp.linalg.inv(self.identity_like(matrix) + matrix)
