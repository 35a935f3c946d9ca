"""Multiples of the identity."""

from typing import Any

import jax
import jax.numpy as jnp

from pmcmc._util.checks import check_finite
from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.structures.base import StateMap, probes, push
from pmcmc.solvers.newton.structures.elementwise import Elementwise


class ScaledIdentity(Elementwise):
    """`alpha` times the identity: 1 for Picard's method, 0 for Jacobi's.

    Args:
        alpha: the factor, without Jacobian-vector products; `None` for the mean of the diagonal of
            the Jacobian, estimated with one Hutchinson probe per step.

    Raises:
        ValueError: `alpha` is not a finite number.
    """

    alpha: float | jax.Array | None = None

    def __post_init__(self) -> None:
        if self.alpha is not None:
            check_finite("alpha", self.alpha, "ScaledIdentity(1.0)")

    @property
    def uses_basis(self) -> bool:
        return False

    @property
    def uses_derivatives(self) -> bool:
        return self.alpha is None

    def products(self, dim: int) -> float:
        return 1 if self.uses_derivatives else 0

    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, jax.Array]:
        if self.alpha is not None:
            return *step(state), jnp.asarray(self.alpha, state.dtype)
        vectors = probes(1, state, rng_key)
        value, aux, pushed = push(step, state, coordinates, vectors)
        return value, aux, jnp.mean(vectors * pushed)
