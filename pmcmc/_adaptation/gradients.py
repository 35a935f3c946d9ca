"""Gradients of a log density at many positions."""

from typing import Any

import jax

from pmcmc._util.programs import jit_of_function
from pmcmc.kernels import value_and_grad


@jit_of_function()
def gradients_at(logdensity: Any, positions: jax.Array) -> Any:
    """Gradients at flat positions, both of shape `(n, D)`."""
    return jax.vmap(lambda position: value_and_grad(logdensity, position)[1])(positions)
