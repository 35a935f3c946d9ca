"""The real eigenbasis of a log density."""

import functools

import jax
import jax.numpy as jnp
from jax.scipy.optimize import minimize

from pmcmc._problem import FlatLogDensity

_MAX_ITERATIONS = 500  # near the mode is good enough


@functools.partial(jax.jit, static_argnums=0)
def hessian_basis(logdensity: FlatLogDensity, position: jax.Array) -> jax.Array:
    """Eigenvectors of the Hessian of the log density at its mode, columns of a `(D, D)` matrix.

    In these coordinates the Jacobian of a Langevin-type step, `I + step_size * Hessian`, is
    diagonal at the mode and nearly so around it. The mode is searched by BFGS from `position`; any
    orthogonal matrix is valid, so where the search or the Hessian is not finite, the start and the
    identity take their place.
    """
    options = {"maxiter": _MAX_ITERATIONS}
    found = minimize(lambda x: -logdensity(x), position, method="BFGS", options=options).x
    mode = jnp.where(jnp.all(jnp.isfinite(found)), found, position)
    hessian = jax.hessian(logdensity)(mode)
    basis = jnp.linalg.eigh((hessian + hessian.T) / 2)[1]
    return jnp.where(jnp.all(jnp.isfinite(basis)), basis, jnp.eye(len(position), dtype=basis.dtype))
