"""The mode of a log density."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.optimize import minimize

from pmcmc._programs import jit_of_function

_MAX_ITERATIONS = 500  # near the mode is good enough


def find_mode(logdensity: Any, position: jax.Array) -> jax.Array:
    """Where BFGS from `position` ends, shape `(D,)`; `position` itself where that is no better.

    Args:
        logdensity: of a flat position.
        position: the start, shape `(D,)`.
    """
    options = {"maxiter": _MAX_ITERATIONS}
    found = minimize(lambda x: -logdensity(x), position, method="BFGS", options=options).x
    is_better = jnp.all(jnp.isfinite(found)) & (logdensity(found) > logdensity(position))
    return jnp.where(is_better, found, position)


@jit_of_function()
def find_modes(logdensity: Any, positions: jax.Array) -> jax.Array:
    """The same for several starts, shape `(chain, D)`."""
    return jax.vmap(lambda position: find_mode(logdensity, position))(positions)
