"""One matrix for all steps."""

from typing import Any

import jax
import jax.numpy as jnp

from pmcmc._util.checks import check_part
from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.structures.base import InputMap, StateMap, Structure
from pmcmc.solvers.newton.structures.wrapper import Wrapper


class Constant(Wrapper):
    """A given matrix, the same for all steps and sweeps, without Jacobian-vector products.

    Args:
        structure: structure of the matrix, e.g. `Diagonal()` or `Dense()`.
        matrix: in the form of that structure, in the coordinates of the basis: `(D,)` for
            `Diagonal()`, `(D, D)` for `Dense()`, `(2, 2, D / 2)` for `DiagonalBlocks()`.

    Raises:
        ValueError: `structure` is not a structure; when used, the matrix has another shape.
    """

    structure: Structure
    matrix: Any

    def __post_init__(self) -> None:
        check_part("structure", self.structure, "Dense()")

    @property
    def uses_derivatives(self) -> bool:
        return False

    def products(self, dim: int) -> float:
        return 0

    def for_derivatives(self) -> Structure:
        return self  # the matrix has the form of this structure

    def linearize_at(
        self,
        step: InputMap,
        state: jax.Array,
        inputs: Any,
        coordinates: Coordinates,
        rng_key: jax.Array,
    ) -> tuple[jax.Array, Any, Any]:
        return self.linearize(lambda s: step(s, inputs), state, coordinates, rng_key)

    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, Any]:
        def of_any_map(state: jax.Array) -> Any:
            return self.structure.linearize(lambda s: (s, None), state, coordinates, rng_key)[2]

        matrix = jax.tree.map(lambda x: jnp.asarray(x, state.dtype), self.matrix)
        expected = jax.tree.map(jnp.shape, jax.eval_shape(of_any_map, state))
        got = jax.tree.map(jnp.shape, matrix)
        if got != expected:
            raise ValueError(
                f"matrix of Constant({type(self.structure).__name__}(), matrix) must have shape "
                f"{expected} for states of {state.shape[0]} numbers, got {got}: write one of that "
                "shape."
            )
        return *step(state), matrix
