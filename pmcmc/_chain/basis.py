"""Real eigenbases for the chains of a log density."""

import copy
import warnings
from typing import Any

import jax
import jax.numpy as jnp

from pmcmc._chain.density import FlatLogDensity
from pmcmc._chain.mode import find_mode
from pmcmc._chain.noise import draw_noise
from pmcmc._chain.problem import Problem, with_dtype
from pmcmc._chain.recursion import as_recursion, check_linearizable
from pmcmc._util.checks import first_line
from pmcmc._util.flat import flatten_states
from pmcmc._util.programs import jit_of_function
from pmcmc.kernels import Kernel
from pmcmc.solvers.bases import PILOT_STEPS, eigenbasis, jacobian_basis
from pmcmc.solvers.setting import Setting
from pmcmc.solvers.structures import Structure

_MAX_HESSIAN_DIM = 1000


class ChainSetting(Setting):
    """The chain of a kernel on a log density.

    What does not depend on the metric of the kernel is found once, where it is first asked for.

    Args:
        problem: what is sampled, from where.
        kernel: for flat positions.
        rng_key: of the noise.
        n_steps: length of the chain.
    """

    def __init__(self, problem: Problem, kernel: Kernel, rng_key: jax.Array, n_steps: int) -> None:
        self._problem, self._kernel, self._n_steps = problem, kernel, n_steps
        self._rng_key = rng_key
        self._is_of_inner_steps = False
        self._found: dict[str, Any] = {}

    def with_kernel(self, kernel: Kernel) -> "ChainSetting":
        """The same with another metric."""
        other = copy.copy(self)
        other._kernel = kernel
        return other

    def of_inner_steps(self) -> "ChainSetting":
        other = copy.copy(self)
        other._is_of_inner_steps = self._kernel.inner_steps(self._problem.logdensity) is not None
        return other

    def check(self, structure: Structure) -> None:
        if structure.uses_derivatives and "is_linearizable" not in self._found:
            check_linearizable(self._problem, self._kernel)
            self._found["is_linearizable"] = True

    def flatten(self, states: Any) -> jax.Array:
        problem, n_chains = self._problem, len(self._problem.positions)
        axes = (n_chains, self._n_steps) if problem.has_chain_axis else (self._n_steps,)
        table = flatten_states(states, problem.layout, axes)
        return jnp.reshape(table, (n_chains, self._n_steps, -1))

    def basis(self, name: str, structure: Structure) -> jax.Array | None:
        """The basis of a name; `None` where `"auto"` wants none.

        Also, with a warning, where `"auto"` finds none because the log density raises on the way to
        its mode.
        """
        problem, start = self._problem, self._problem.positions[0]
        kernel = with_dtype(self._kernel, start.dtype)
        if name == "jacobian":
            structure.check(1, start.size, start.dtype.itemsize)
            n_parts = structure.n_parts
            return _pilot_basis(problem.logdensity, kernel, start, self._rng_key, n_parts)
        if name == "auto" and not self._gains_by_a_basis(structure):
            return None
        if problem.logdensity is None:
            raise ValueError("basis='hessian' needs a log density, got None: write basis=None.")
        if "hessian" not in self._found:
            is_asked_for = name == "hessian"
            self._found["hessian"] = _found_hessian(problem.logdensity, start, is_asked_for)
        hessian = self._found["hessian"]
        metric = getattr(kernel, "inverse_mass_matrix", None)
        return None if hessian is None else _hessian_basis(hessian, metric)

    def _gains_by_a_basis(self, structure: Structure) -> bool:
        # The parts of an inner state are position and momentum, which share the basis.
        is_of_position = (structure.n_parts == 2) == self._is_of_inner_steps
        is_small = self._problem.positions.shape[1] <= _MAX_HESSIAN_DIM
        return is_small and structure.uses_basis and is_of_position and self._kernel.uses_gradient


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
