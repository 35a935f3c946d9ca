"""Finite differences instead of derivatives."""

from typing import Any

import jax
import jax.numpy as jnp

from pmcmc._util.checks import check_part, check_positive
from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.structures.base import InputMap, StateMap, Structure
from pmcmc.solvers.newton.structures.wrapper import Wrapper


class Differences(Wrapper):
    """A structure whose Jacobian-vector products are finite differences of the step.

    It is for steps that JAX cannot differentiate, such as calls back to Python. The product with
    `v` is `(f(s + h v) - f(s)) / h`, one evaluation of the step, with `h |v| = scale (1 + |s|)`.
    Its error is of the order of `h`, which may cost sweeps, never the solution.

    Args:
        structure: the structure to estimate, e.g. `Diagonal()`.
        scale: scale of the difference; `None` for the square root of the rounding error.

    Raises:
        ValueError: `structure` is not a structure, or `scale` is not positive.
    """

    structure: Structure
    scale: float | jax.Array | None = None

    def __post_init__(self) -> None:
        check_part("structure", self.structure, "Diagonal()")
        if self.scale is not None:
            check_positive("scale", self.scale, "Differences(Diagonal(), scale=1e-6)")

    @property
    def uses_derivatives(self) -> bool:
        return False

    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, Any]:
        return self.linearize_at(lambda s, _: step(s), state, (), coordinates, rng_key)

    def linearize_at(
        self,
        step: InputMap,
        state: jax.Array,
        inputs: Any,
        coordinates: Coordinates,
        rng_key: jax.Array,
    ) -> tuple[jax.Array, Any, Any]:
        value, aux = step(state, inputs)
        scale = jnp.finfo(state.dtype).eps ** 0.5 if self.scale is None else self.scale

        @jax.custom_jvp
        def at(s: jax.Array, value: jax.Array, inputs: Any) -> jax.Array:
            return value

        @at.defjvp
        def differ(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
            (s, value, inputs), (along, *_) = primals, tangents
            length = jnp.linalg.norm(along)
            size = jnp.asarray(scale, s.dtype) * (1 + jnp.linalg.norm(s))
            size = size / jnp.where(length > 0, length, 1.0)
            return value, (step(s + size * along, inputs)[0] - value) / size

        def differenced(s: jax.Array) -> tuple[jax.Array, Any]:
            return at(s, value, inputs), aux

        return self.structure.linearize(differenced, state, coordinates, rng_key)
