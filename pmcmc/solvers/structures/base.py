"""What a structure of transition matrices has to offer."""

import abc
from collections.abc import Callable
from typing import Any

import jax

from pmcmc.solvers.coordinates import Coordinates

StateMap = Callable[[jax.Array], tuple[jax.Array, Any]]


class Structure(abc.ABC):
    """A structure of the matrix that stands in for the Jacobian of a step.

    It owns all that differs between Newton-type methods: how the matrix is estimated from the map,
    how two matrices compose, how one is applied. Methods see one step of one chain. A structure is
    a frozen dataclass registered as a pytree.
    """

    @abc.abstractmethod
    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, Any]:
        """Value of the map at `state`, its aux, and the matrix in the given coordinates."""

    @abc.abstractmethod
    def compose(self, later: Any, earlier: Any) -> Any:
        """The matrix product `later @ earlier`."""

    @abc.abstractmethod
    def apply(self, matrix: Any, vector: jax.Array) -> jax.Array:
        """The product of a matrix and a vector `(D,)`."""
