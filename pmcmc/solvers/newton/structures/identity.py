"""Picard's and Jacobi's matrices, with which a sweep needs no scan."""

from typing import Any

import jax
import jax.numpy as jnp

from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.structures.base import StateMap
from pmcmc.solvers.newton.structures.elementwise import Elementwise
from pmcmc.solvers.newton.structures.known import Known


class Identity(Known, Elementwise):
    """The identity: Picard's method, whose increments are sums of residuals."""

    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, jax.Array]:
        return *step(state), jnp.ones((), state.dtype)

    def solve(self, offsets: jax.Array) -> jax.Array:
        return jnp.cumsum(offsets, axis=0)


class Zero(Known, Elementwise):
    """Zero: Jacobi's method, which takes every step again from the newest previous iterate."""

    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, jax.Array]:
        return *step(state), jnp.zeros((), state.dtype)

    def solve(self, offsets: jax.Array) -> jax.Array:
        return offsets
