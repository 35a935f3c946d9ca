"""Full Jacobians."""

from typing import Any

import jax
import jax.numpy as jnp

from pmcmc._util.checks import store_count
from pmcmc._util.products import product
from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.structures.base import StateMap, Structure, push

_COPIES = 4  # matrices, their tangents, and the working memory of a scan


class Dense(Structure, static=("memory_limit",)):
    """The Jacobian itself, shape `(D, D)` (Newton's method; DEER: Lim et al., 2024).

    It costs `D` Jacobian-vector products per step, in one batch, and `D**2` numbers.

    Args:
        memory_limit: approximate number of bytes that the matrices of a sweep may take.

    Raises:
        ValueError: `memory_limit` is not a positive integer; when used, the limit is exceeded.
    """

    memory_limit: int = 2**31 - 1

    def __post_init__(self) -> None:
        store_count(self, "memory_limit")

    @property
    def uses_basis(self) -> bool:
        return False

    def max_states(self, dim: int, itemsize: int) -> int:
        return self.memory_limit // (_COPIES * dim**2 * itemsize)

    def check(self, n_states: int, dim: int, itemsize: int) -> None:
        most = self.max_states(dim, itemsize)
        if n_states > most:
            needed = _COPIES * n_states * dim**2 * itemsize
            smaller = (
                f"a window of at most {most} divided by the number of chains, " if most else ""
            )
            raise ValueError(
                f"jacobian=Dense() needs about {needed / 2**30:.3g} GiB for a window of {n_states} "
                f"states (in all chains) of {dim} numbers, more than its memory_limit of "
                f"{self.memory_limit / 2**30:.3g} GiB: write jacobian=pmcmc.solvers.Diagonal(), "
                f"{smaller}or Dense(memory_limit={needed})."
            )

    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, jax.Array]:
        units = jnp.eye(state.shape[0], dtype=state.dtype)
        value, aux, columns = push(step, state, coordinates, units)
        return value, aux, columns.T

    def compose(self, later: jax.Array, earlier: jax.Array) -> jax.Array:
        return product(later, earlier)

    def apply(self, matrix: jax.Array, vector: jax.Array) -> jax.Array:
        return product(matrix, vector)

    def clip(self, matrix: jax.Array, rho: jax.Array | float) -> jax.Array:
        left, values, right = jnp.linalg.svd(matrix, full_matrices=False)
        return product(left, jnp.minimum(values, rho)[:, None] * right)

    def transpose(self, matrix: jax.Array) -> jax.Array:
        return matrix.T

    def identity_like(self, matrix: jax.Array) -> jax.Array:
        return jnp.eye(matrix.shape[0], dtype=matrix.dtype)

    def resolvent(self, matrix: jax.Array) -> jax.Array:
        return jnp.linalg.inv(self.identity_like(matrix) + matrix)
