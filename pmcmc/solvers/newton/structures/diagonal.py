"""Diagonal approximations of Jacobians."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from pmcmc._util.checks import is_among, store_count
from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.structures.base import StateMap, probes, push
from pmcmc.solvers.newton.structures.elementwise import Elementwise


class Diagonal(Elementwise, static=("n_probes",)):
    """Diagonal of the Jacobian `A` (quasi-DEER: Gonzalez et al., 2024).

    It is estimated with Hutchinson probes, as the mean of `v * (A @ v)` over vectors `v` of random
    signs. This is unbiased, and exact if `A` is diagonal (for MCMC: Zoltowski et al., 2025).

    Args:
        n_probes: number of Jacobian-vector products per step; `None` for the exact diagonal, with
            `D` of them; `"auto"` for one in the chain of a kernel. In `pmcmc.solve`, which has no
            basis that makes the Jacobian nearly diagonal, `"auto"` means `None` up to 64 numbers in
            a state, and 16 beyond.

    Raises:
        ValueError: `n_probes` is not a positive integer.
    """

    n_probes: int | str | None = "auto"

    def __post_init__(self) -> None:
        if not is_among(self.n_probes, "auto", None):
            store_count(self, "n_probes")

    @property
    def _n_probes(self) -> int | None:
        return 1 if isinstance(self.n_probes, str) else self.n_probes

    def prepared(self, probes: Callable[[], int | None]) -> "Diagonal":
        return Diagonal(probes()) if isinstance(self.n_probes, str) else self

    def products(self, dim: int) -> float:
        return dim if self._n_probes is None else self._n_probes

    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, jax.Array]:
        vectors = probes(self._n_probes, state, rng_key)
        value, aux, pushed = push(step, state, coordinates, vectors)
        if self._n_probes is None:
            return value, aux, jnp.diagonal(pushed)
        return value, aux, jnp.sum(vectors * pushed, axis=0)
