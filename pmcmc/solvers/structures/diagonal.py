"""Diagonal approximations of Jacobians."""

from typing import Any

import jax
import jax.numpy as jnp

from pmcmc._util.checks import store_count
from pmcmc.solvers.coordinates import Coordinates
from pmcmc.solvers.structures.base import StateMap, probes, push
from pmcmc.solvers.structures.elementwise import Elementwise


class Diagonal(Elementwise, static=("n_probes",)):
    """Diagonal of the Jacobian `A` (quasi-DEER: Gonzalez et al., 2024).

    Estimated by Hutchinson's probes, the mean of `v * (A @ v)` over vectors `v` of random signs:
    unbiased, and exact where `A` is diagonal (for MCMC: Zoltowski et al., 2025).

    Args:
        n_probes: Jacobian-vector products a step; `None` for the exact diagonal, with `D` of them.

    Raises:
        ValueError: `n_probes` is not a positive integer.
    """

    n_probes: int | None = 1

    def __post_init__(self) -> None:
        if self.n_probes is not None:
            store_count(self, "n_probes")

    def products(self, dim: int) -> float:
        return dim if self.n_probes is None else self.n_probes

    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, jax.Array]:
        vectors = probes(self.n_probes, state, rng_key)
        value, aux, pushed = push(step, state, coordinates, vectors)
        return value, aux, jnp.sum(vectors * pushed, axis=0)
