"""Real eigenbases for the chains of a log density."""

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from pmcmc._chain import as_recursion, draw_noise
from pmcmc._checks import first_line
from pmcmc._mode import find_mode
from pmcmc._problem import FlatLogDensity, Problem, with_dtype
from pmcmc._programs import jit_of_function
from pmcmc.kernels import Kernel
from pmcmc.solvers import ParallelNewton
from pmcmc.solvers.bases import PILOT_STEPS, eigenbasis, jacobian_basis

_MAX_HESSIAN_DIM = 1000

FindBasis = Callable[[Kernel], jax.Array | None]


def basis_finder(
    solver: ParallelNewton, problem: Problem, kernel: Kernel, rng_key: jax.Array
) -> FindBasis | None:
    """A function from a kernel to the basis that the solver asks for by a name.

    What does not depend on the metric is computed here, once. `None` where no basis is wanted, and,
    with a warning, where `"auto"` finds none because the log density raises on the way to its mode.

    Raises:
        ValueError: the basis cannot be found.
    """
    start = problem.positions[0]
    n_parts = solver.jacobian.n_parts
    if solver.basis == "jacobian":
        solver.jacobian.check(1, start.size, start.dtype.itemsize)
        return lambda kernel: _pilot_basis(
            problem.logdensity, with_dtype(kernel, start.dtype), start, rng_key, n_parts
        )
    # With blocks the parts of the state are position and momentum, which share the basis.
    has_parts = n_parts == 1 or as_recursion(problem.logdensity, kernel).stages is not None
    is_small = start.size <= _MAX_HESSIAN_DIM and solver.jacobian.uses_basis and has_parts
    is_wanted = solver.basis == "hessian" or (is_small and kernel.uses_gradient)
    if not is_wanted:
        return None
    if problem.logdensity is None:
        raise ValueError("basis='hessian' needs a log density, got None: write basis=None.")
    hessian = _found_hessian(problem.logdensity, start, solver.basis == "hessian")
    if hessian is None:
        return None

    def find(kernel: Kernel) -> jax.Array:
        metric = getattr(with_dtype(kernel, start.dtype), "inverse_mass_matrix", None)
        return _hessian_basis(hessian, metric)

    return find


def hessian_basis(logdensity: Any, position: jax.Array, is_asked_for: bool) -> jax.Array | None:
    """The basis of a log density whose mode is searched from `position`.

    `None`, with a warning, where the search fails and the basis was not asked for by its name.

    Raises:
        ValueError: the search fails and the basis was asked for.
    """
    hessian = _found_hessian(logdensity, position, is_asked_for)
    return None if hessian is None else _hessian_basis(hessian, None)


def _found_hessian(logdensity: Any, start: jax.Array, is_asked_for: bool) -> jax.Array | None:
    try:
        return jax.block_until_ready(_hessian_at_mode(logdensity, start))
    except Exception as error:
        cause = f"no basis, as the search for the mode from x0 failed ({first_line(error)})"
        if is_asked_for:
            raise ValueError(f"{cause}: write basis=None.") from error
        warnings.warn(f"{cause}; basis=None says so without a search", stacklevel=2)
        return None


@jit_of_function()
def _hessian_at_mode(logdensity: Any, position: jax.Array) -> jax.Array:
    return jax.hessian(logdensity)(find_mode(logdensity, position))


@jax.jit
def _hessian_basis(hessian: jax.Array, inverse_mass_matrix: jax.Array | None) -> jax.Array:
    """Directions in which Hessian and metric are diagonal, columns of a `(D, D)` matrix.

    With `C = L L^T` the inverse mass matrix and `Q` the eigenvectors of `L^T H L`, where `H` is the
    Hessian of the log density at its mode, they are those of `L Q`. In these coordinates the
    Jacobian of a Langevin-type step, `I + step_size * C H`, is diagonal at the mode and nearly so
    around it. Any invertible matrix is valid: where the Hessian is not finite, `L` is returned.
    """
    if inverse_mass_matrix is None:
        return eigenbasis(hessian)
    if inverse_mass_matrix.ndim == 1:
        factor = jnp.diag(jnp.sqrt(inverse_mass_matrix))
    else:
        factor = jnp.linalg.cholesky(inverse_mass_matrix)
    return factor @ eigenbasis(factor.T @ hessian @ factor)


@jit_of_function(4)
def _pilot_basis(
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
    recursion: Any = as_recursion(logdensity, kernel)
    return jacobian_basis(recursion, position, jax.tree.map(lambda u: u[0], noise), n_parts)
