"""Diagonal transition matrices."""

from dataclasses import dataclass
from typing import Any

import jax

from pmcmc.solvers.coordinates import Coordinates
from pmcmc.solvers.structures.base import StateMap, Structure


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Diagonal(Structure):
    """Diagonal of the Jacobian `A`, estimated by one Hutchinson probe: `v * (A @ v)`.

    With `v` a vector of random signs the estimate is unbiased, and exact where `A` is diagonal
    (quasi-DEER: Gonzalez et al., 2024; for MCMC: Zoltowski et al., 2025). It costs one
    Jacobian-vector product a step.
    """

    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, jax.Array]:
        probe = jax.random.rademacher(rng_key, state.shape, state.dtype)
        value, pushed, aux = jax.jvp(step, (state,), (coordinates.leave(probe),), has_aux=True)
        return value, aux, probe * coordinates.enter(pushed)

    def compose(self, later: jax.Array, earlier: jax.Array) -> jax.Array:
        return later * earlier

    def apply(self, matrix: jax.Array, vector: jax.Array) -> jax.Array:
        return matrix * vector
