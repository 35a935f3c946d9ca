"""Real eigenbases for the chains of a log density."""

from typing import Any

import jax
import jax.numpy as jnp

from pmcmc._chain.density import FlatLogDensity
from pmcmc._chain.mode import find_mode
from pmcmc._chain.noise import draw_noise
from pmcmc._chain.recursion import as_recursion
from pmcmc._util.callers import warn_user
from pmcmc._util.checks import first_line
from pmcmc._util.products import product
from pmcmc._util.programs import jit_of_function
from pmcmc.kernels import Kernel, value_and_grad
from pmcmc.solvers.newton.bases import PILOT_STEPS, eigenbasis, jacobian_basis


def hessian_basis(logdensity: Any, position: jax.Array, is_asked_for: bool) -> jax.Array | None:
    """The eigenbasis at the mode of a log density, searched for from `position`.

    Returns `None`, with a warning, if the search fails and nobody asked for the basis by name.

    Raises:
        ValueError: the search fails and the basis was asked for.
    """
    hessian = found_hessian(logdensity, position, is_asked_for)
    return None if hessian is None else basis_of_hessian(hessian, None)


def found_hessian(logdensity: Any, start: jax.Array, is_asked_for: bool) -> jax.Array | None:
    """The Hessian at the mode; failures are handled as in `hessian_basis`."""
    try:
        return jax.block_until_ready(_hessian_at_mode(logdensity, start))
    except Exception as error:
        cause = f"no basis, because the search for the mode from x0 failed ({first_line(error)})"
        if is_asked_for:
            raise ValueError(f"{cause}: write basis=None.") from error
        warn_user(f"{cause}; write basis=None to skip the search")
        return None


@jit_of_function()
def _hessian_at_mode(logdensity: Any, position: jax.Array) -> jax.Array:
    mode = find_mode(logdensity, position)
    return jax.jacfwd(lambda x: value_and_grad(logdensity, x)[1])(mode)


@jax.jit
def basis_of_hessian(hessian: jax.Array, inverse_mass_matrix: jax.Array | None) -> jax.Array:
    """Directions that diagonalize both Hessian and metric, the columns of a `(D, D)` matrix.

    Let `C = L L^T` be the inverse mass matrix, `H` the Hessian of the log density at its mode, and
    `Q` the eigenvectors of `L^T H L`. The directions are the columns of `L Q`. In these coordinates
    the Jacobian of a Langevin-type step, `I + step_size * C H`, is diagonal at the mode and nearly
    diagonal around it. Any invertible matrix is valid: if the Hessian is not finite, the result is
    `L`.
    """
    if inverse_mass_matrix is None:
        return eigenbasis(hessian)
    if inverse_mass_matrix.ndim == 1:
        factor = jnp.diag(jnp.sqrt(inverse_mass_matrix))
    else:
        factor = jnp.linalg.cholesky(inverse_mass_matrix)
    return product(factor, eigenbasis(product(factor.T, product(hessian, factor))))


@jit_of_function(4)
def pilot_basis(
    logdensity: FlatLogDensity | None,
    kernel: Kernel,
    position: jax.Array,
    rng_key: jax.Array,
    n_parts: int,
) -> jax.Array:
    """Eigenbasis of the mean Jacobian of the first steps of a chain from `position`.

    The Jacobian of a rejected step is the identity, which says nothing. So if the kernel is not
    tuned yet, the Hessian at the mode is the better guide.
    """
    noise = draw_noise(kernel, position[None], rng_key, jnp.uint32(0), PILOT_STEPS, PILOT_STEPS)
    recursion: Any = as_recursion(logdensity, kernel)
    return jacobian_basis(recursion, position, jax.tree.map(lambda u: u[0], noise), n_parts)
