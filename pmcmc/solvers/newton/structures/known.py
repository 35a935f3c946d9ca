"""Structures whose matrices are known: nothing is differentiated."""

from typing import Any

import jax

from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.structures.base import StateMap, Structure
from pmcmc.solvers.newton.structures.diagonal import Diagonal


class Known(Structure):
    """Matrices in the coordinates of the state that take no derivative."""

    @property
    def uses_basis(self) -> bool:
        return False

    @property
    def uses_derivatives(self) -> bool:
        return False


class KnownOfInput(Known):
    """Those that depend on the input too: `linearize_at` is what they implement."""

    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, Any]:
        raise TypeError(
            f"{type(self).__name__} needs the input of the step: write linearize_at(step, state, "
            "inputs, coordinates, rng_key)."
        )

    def for_derivatives(self) -> Structure:
        return Diagonal(n_probes=None)  # the user's function knows states and inputs, not tangents

    def check_coordinates(self, coordinates: Coordinates) -> None:
        """Raise a `ValueError` if there is a basis."""
        if coordinates.basis is not None:
            raise ValueError(
                f"jacobian={type(self).__name__}(...) is known in the coordinates of the state, "
                "got a basis: write basis=None."
            )
