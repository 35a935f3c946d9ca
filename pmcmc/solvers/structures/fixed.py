"""One matrix for all steps."""

from dataclasses import dataclass
from typing import Any

import jax

from pmcmc.solvers.coordinates import Coordinates
from pmcmc.solvers.structures.base import StateMap, Structure
from pmcmc.solvers.structures.wrapper import Wrapper


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Fixed(Wrapper):
    """A given matrix, the same for all steps and sweeps: no Jacobian-vector product is taken.

    Args:
        structure: of the matrix, e.g. `Diagonal()` or `Dense()`.
        matrix: as that structure has it, in the coordinates of the basis: `(D,)` for `Diagonal()`,
            `(D, D)` for `Dense()`, `(2, 2, D / 2)` for `DiagonalBlocks()`.

    Raises:
        ValueError: when used, the matrix has another shape.
    """

    structure: Structure
    matrix: Any

    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, Any]:
        matrix = jax.tree.map(lambda x: jax.numpy.asarray(x, state.dtype), self.matrix)
        expected = jax.eval_shape(
            lambda: self.structure.linearize(step, state, coordinates, rng_key)[2]
        )
        got = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), matrix)
        if got != jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), expected):
            raise ValueError(
                f"matrix of Fixed({type(self.structure).__name__}(), matrix) must be {expected} "
                f"for states of {state.shape[0]} numbers, got {got}: write one of that shape."
            )
        return *step(state), matrix
