"""Structures around a structure."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.structures.base import InputMap, StateMap, Structure


class Wrapper(Structure):
    """Behaves like the wrapped structure; subclasses change one aspect."""

    structure: Structure

    @property
    def uses_basis(self) -> bool:
        return self.structure.uses_basis

    @property
    def uses_derivatives(self) -> bool:
        return self.structure.uses_derivatives

    @property
    def n_parts(self) -> int:
        return self.structure.n_parts

    @property
    def every(self) -> int:
        return self.structure.every

    def products(self, dim: int) -> float:
        return self.structure.products(dim)

    def max_states(self, dim: int, itemsize: int) -> int | None:
        return self.structure.max_states(dim, itemsize)

    def check(self, n_states: int, dim: int, itemsize: int) -> None:
        self.structure.check(n_states, dim, itemsize)

    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, Any]:
        return self.structure.linearize(step, state, coordinates, rng_key)

    def linearize_at(
        self,
        step: InputMap,
        state: jax.Array,
        inputs: Any,
        coordinates: Coordinates,
        rng_key: jax.Array,
    ) -> tuple[jax.Array, Any, Any]:
        return self.structure.linearize_at(step, state, inputs, coordinates, rng_key)

    def prepared(self, probes: Callable[[], int | None]) -> Structure:
        return dataclasses.replace(self, structure=self.structure.prepared(probes))

    def for_derivatives(self) -> Structure:
        return dataclasses.replace(self, structure=self.structure.for_derivatives())

    def compose(self, later: Any, earlier: Any) -> Any:
        return self.structure.compose(later, earlier)

    def apply(self, matrix: Any, vector: jax.Array) -> jax.Array:
        return self.structure.apply(matrix, vector)

    def times(self, matrix: Any, factor: jax.Array) -> Any:
        return self.structure.times(matrix, factor)

    def clip(self, matrix: Any, rho: jax.Array | float) -> Any:
        return self.structure.clip(matrix, rho)

    def clip_between(self, matrix: Any, low: jax.Array | float, high: jax.Array | float) -> Any:
        return self.structure.clip_between(matrix, low, high)

    def transpose(self, matrix: Any) -> Any:
        return self.structure.transpose(matrix)

    def add(self, first: Any, second: Any) -> Any:
        return self.structure.add(first, second)

    def identity_like(self, matrix: Any) -> Any:
        return self.structure.identity_like(matrix)

    def resolvent(self, matrix: Any) -> Any:
        return self.structure.resolvent(matrix)
