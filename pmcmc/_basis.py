"""Real eigenbases for the chains of a log density."""

import functools

import jax
import jax.numpy as jnp
from jax.scipy.optimize import minimize

from pmcmc._chain import as_recursion, draw_noise
from pmcmc._problem import FlatLogDensity
from pmcmc.kernels import Kernel
from pmcmc.solvers.bases import PILOT_STEPS, eigenbasis, jacobian_basis

_MAX_ITERATIONS = 500  # near the mode is good enough


@functools.partial(jax.jit, static_argnums=0)
def hessian_basis(
    logdensity: FlatLogDensity, position: jax.Array, inverse_mass_matrix: jax.Array | None
) -> jax.Array:
    """Directions in which Hessian and metric are diagonal, columns of a `(D, D)` matrix.

    With `C = L L^T` the inverse mass matrix and `Q` the eigenvectors of `L^T H L`, where `H` is the
    Hessian of the log density at its mode, they are those of `L Q`. In these coordinates the
    Jacobian of a Langevin-type step, `I + step_size * C H`, is diagonal at the mode and nearly so
    around it. The mode is searched by BFGS from `position`; any invertible matrix is valid, so
    where the search or the Hessian is not finite, the start and the identity take their place.
    """
    options = {"maxiter": _MAX_ITERATIONS}
    found = minimize(lambda x: -logdensity(x), position, method="BFGS", options=options).x
    mode = jnp.where(jnp.all(jnp.isfinite(found)), found, position)
    hessian = jax.hessian(logdensity)(mode)
    if inverse_mass_matrix is None:
        return eigenbasis(hessian)
    if inverse_mass_matrix.ndim == 1:
        factor = jnp.diag(jnp.sqrt(inverse_mass_matrix))
    else:
        factor = jnp.linalg.cholesky(inverse_mass_matrix)
    return factor @ eigenbasis(factor.T @ hessian @ factor)


@functools.partial(jax.jit, static_argnums=(0, 4))
def pilot_basis(
    logdensity: FlatLogDensity | None,
    kernel: Kernel,
    position: jax.Array,
    rng_key: jax.Array,
    n_parts: int,
) -> jax.Array:
    """Eigenbasis of the mean Jacobian of the first steps of a chain from `position`.

    Rejected steps have the identity for a Jacobian and tell nothing: where a tuned kernel is not
    known yet, the Hessian at the mode is the better guide.
    """
    noise = draw_noise(kernel, position[None], rng_key, jnp.uint32(0), PILOT_STEPS, PILOT_STEPS)
    recursion = as_recursion(logdensity, kernel)
    return jacobian_basis(recursion, position, jax.tree.map(lambda u: u[0], noise), n_parts)
