"""Permutations, each coordinate times a factor."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pmcmc._util.checks import check_function, check_hashable
from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.structures.base import InputMap
from pmcmc.solvers.newton.structures.known import KnownOfInput


class Permuted(NamedTuple):
    """The matrix that takes `v` to `factor * v[source]`, both of shape `(D,)`."""

    source: jax.Array
    factor: jax.Array


class Permutation(KnownOfInput, static=("source",)):
    """A permutation that you know, such as that of a finite automaton or a word in a group.

    Products of permutations are permutations (Gonzalez, 2026): they take `D` numbers where `Dense`
    needs `D**2`, and no Jacobian-vector products.

    Args:
        source: `(state, input) -> indices`, from the flat state `(D,)` to integers of shape `(D,)`:
            for each coordinate of the next state, the coordinate that it comes from. Write the
            function once and pass the same one again to reuse its compiled code.

    Raises:
        ValueError: `source` is not a function; when used, it returns something else, or there is a
            basis.
    """

    source: Callable[[jax.Array, Any], jax.Array]

    def __post_init__(self) -> None:
        check_function("source", self.source, "Permutation(lambda s, u: u)")
        check_hashable("source", self.source, "s, u")

    def linearize_at(
        self,
        step: InputMap,
        state: jax.Array,
        inputs: Any,
        coordinates: Coordinates,
        rng_key: jax.Array,
    ) -> tuple[jax.Array, Any, Permuted]:
        self.check_coordinates(coordinates)
        source = jnp.asarray(self.source(state, inputs))
        if source.shape != state.shape or not jnp.issubdtype(source.dtype, jnp.integer):
            raise ValueError(
                f"source of Permutation must return integers of shape {state.shape}, got shape "
                f"{source.shape} of {source.dtype}: write e.g. lambda s, u: jnp.argsort(u)."
            )
        matrix = Permuted(source.astype(jnp.int32), jnp.ones_like(state))
        return *step(state, inputs), matrix

    def compose(self, later: Permuted, earlier: Permuted) -> Permuted:
        factor = later.factor * earlier.factor[later.source]
        return Permuted(earlier.source[later.source], factor)

    def apply(self, matrix: Permuted, vector: jax.Array) -> jax.Array:
        return matrix.factor * vector[matrix.source]

    def times(self, matrix: Permuted, factor: jax.Array) -> Permuted:
        return matrix._replace(factor=factor * matrix.factor)

    def clip(self, matrix: Permuted, rho: jax.Array | float) -> Permuted:
        return matrix._replace(factor=jnp.clip(matrix.factor, -rho, rho))
