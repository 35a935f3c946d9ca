"""Diagonals in closed form."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from pmcmc._util.checks import check_function, check_hashable
from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.structures.base import InputMap
from pmcmc.solvers.newton.structures.elementwise import Elementwise
from pmcmc.solvers.newton.structures.known import KnownOfInput


class GivenDiagonal(KnownOfInput, Elementwise, static=("diagonal",)):
    """A diagonal that you know, without Jacobian-vector products.

    This is `diagonal_func` in the authors' code for quasi-DEER (Gonzalez et al., 2024). It may be
    any approximation to the diagonal of the Jacobian: a wrong one needs more sweeps, but never
    changes the solution.

    Args:
        diagonal: `(state, input) -> array`, with the flat state, shape `(D,)`, in the coordinates
            of the state (write `basis=None`), to an array `(D,)`, or to a single number for all
            coordinates. Write the function once and pass the same one again to reuse its compiled
            code.

    Raises:
        ValueError: `diagonal` is not a function; when used, it returns another shape, or there is a
            basis.
    """

    diagonal: Callable[[jax.Array, Any], jax.Array]

    def __post_init__(self) -> None:
        check_function("diagonal", self.diagonal, "GivenDiagonal(lambda s, u: 1 - s**2)")
        check_hashable("diagonal", self.diagonal, "s, u")

    def linearize_at(
        self,
        step: InputMap,
        state: jax.Array,
        inputs: Any,
        coordinates: Coordinates,
        rng_key: jax.Array,
    ) -> tuple[jax.Array, Any, jax.Array]:
        self.check_coordinates(coordinates)
        found = jnp.asarray(self.diagonal(state, inputs), state.dtype)
        if found.shape not in ((), state.shape):
            raise ValueError(
                f"diagonal of GivenDiagonal must return an array of shape {state.shape}, or a "
                f"number, got shape {found.shape}: write e.g. lambda s, u: 1 - s**2."
            )
        return *step(state, inputs), jnp.broadcast_to(found, state.shape)
