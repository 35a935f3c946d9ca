"""How well a method of sweeps suits a recursion: how far it is from Newton's method.

Formulas are those of Gonzalez, *Unifying Optimization and Dynamics to Parallelize Sequential
Computation* (2026).
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pmcmc._solve import FlatStep, Step, StepSetting, prepare, solve
from pmcmc._util.checks import check_count, short
from pmcmc._util.keys import internal_key
from pmcmc._util.products import product
from pmcmc._util.programs import jit_of_function
from pmcmc.solvers import Dense, IterateGuess, ParallelNewton, as_solver
from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.damping.base import Recurrence
from pmcmc.solvers.newton.scan import affine_scan

_POWER_ITERATIONS = 1000
_POWER_TOLERANCE = 1e-7


class Mismatch(NamedTuple):
    """How far a method is from Newton's, along the chain.

    Args:
        mismatch: largest spectral norm of the difference between the matrices of the method and the
            Jacobians.
        inverse_norm: spectral norm of the inverse of the matrix that a sweep solves with, block
            bidiagonal over the whole chain. For `jacobian=Dense()` without damping it is one over
            the smallest singular value of the residual's Jacobian.
        gamma: the product of the two, a bound on the factor by which a sweep shrinks the error near
            the solution. Below 1 it guarantees linear convergence, faster for smaller values. Above
            1 it guarantees nothing (sweeps may still be fast).
    """

    mismatch: jax.Array
    inverse_norm: jax.Array
    gamma: jax.Array


def jacobian_mismatch(
    step: Step, s0: Any, inputs: Any, *, solver: ParallelNewton | str = "quasi"
) -> Mismatch:
    """How far a method is from Newton's along the chain, and what this says about its convergence.

    The matrices are those of the first sweep of a window as long as the chain, including damping.
    They take `O(T D**2)` memory here for every method.

    Args:
        step: as in `pmcmc.solve`.
        s0: as in `pmcmc.solve`.
        inputs: as in `pmcmc.solve`.
        solver: the method; its window, guess and tolerances do not matter.

    Raises:
        ValueError: an argument cannot be used.
    """
    method = as_newton(solver)
    f, flat = prepare(step, s0, inputs)
    # The guess does not matter: the matrices are those along the chain.
    method = dataclasses.replace(method, guess=IterateGuess()).prepare(StepSetting(f, flat, inputs))
    return _mismatch(f, method, flat, inputs)


@jit_of_function()
def _mismatch(f: FlatStep, method: ParallelNewton, s0: jax.Array, inputs: Any) -> Mismatch:
    inputs = jax.tree.map(jnp.asarray, inputs)
    states = lax.scan(lambda s, u: (f(s, u),) * 2, s0, inputs)[1]
    previous = jnp.concatenate([s0[None], states[:-1]])
    length, dim = states.shape
    keys = jax.random.split(internal_key(0), length)
    structure = method.jacobian
    basis = None if method.basis is None else jnp.asarray(method.basis, s0.dtype)
    coordinates = Coordinates.of(basis)

    def matrices_of(structure: Any, coordinates: Coordinates) -> Any:
        return jax.vmap(
            lambda s, u, key: structure.linearize_at(
                lambda x, u: (f(x, u), None), s, u, coordinates, key
            )[2]
        )(previous, inputs, keys)

    jacobians = matrices_of(Dense(), Coordinates.of(None))
    units = jnp.eye(dim, dtype=s0.dtype)
    recurrence = Recurrence(matrices_of(structure, coordinates), states, jnp.arange(length))

    def damp(unit: jax.Array) -> Recurrence:
        rows = recurrence._replace(offsets=jnp.broadcast_to(unit, states.shape))
        if method.damping is None:
            return rows
        return method.damping.damp(structure, rows, method.damping.init(s0.dtype))

    def in_state(apply: Callable[[jax.Array], jax.Array]) -> jax.Array:
        """Matrices on states, `(T, D, D)`, of linear maps `(D,) -> (T, D)` in the basis."""
        columns = coordinates.leave(jax.vmap(apply)(coordinates.enter(units)))
        return jnp.moveaxis(columns, 0, 2)

    # The damped recurrence is y_t = E_t y_{t-1} + G_t b_t: the inverse of a block bidiagonal matrix
    # with G_t^-1 on its diagonal and -G_t^-1 E_t below, which stands in for I and -A_t.
    damped = damp(units[0]).matrices
    products = in_state(lambda v: jax.vmap(lambda m: structure.apply(m, v))(damped))
    gains = in_state(lambda v: damp(v).offsets)
    inverse_gains = jnp.linalg.inv(gains)
    below = jacobians - product(inverse_gains, products)
    on_diagonal = inverse_gains - units[None]
    norms = jnp.linalg.norm(below, ord=2, axis=(1, 2)).at[0].set(0.0)  # the start is known
    mismatch = jnp.max(norms) + jnp.max(jnp.linalg.norm(on_diagonal, ord=2, axis=(1, 2)))
    norm_of_inverse = inverse_norm(products, gains)
    return Mismatch(mismatch, norm_of_inverse, mismatch * norm_of_inverse)


def inverse_norm(products: jax.Array, gains: jax.Array) -> jax.Array:
    """Spectral norm of the map from `b` to `y_t = E_t y_{t-1} + G_t b_t`, by power iteration."""

    def forward(vectors: jax.Array) -> jax.Array:
        return affine_scan(Dense(), products, rows_of_products(gains, vectors))

    def backward(vectors: jax.Array) -> jax.Array:
        after = jnp.roll(jnp.swapaxes(products, 1, 2), -1, axis=0)[::-1]
        return rows_of_products(
            jnp.swapaxes(gains, 1, 2), affine_scan(Dense(), after, vectors[::-1])[::-1]
        )

    return top_singular_value(forward, backward, products.shape[:2], products.dtype)


def top_singular_value(
    forward: Callable[[jax.Array], jax.Array],
    backward: Callable[[jax.Array], jax.Array],
    shape: tuple[int, ...],
    dtype: Any,
) -> jax.Array:
    """Spectral norm of a linear map on vectors of this shape; `backward` is its transpose."""

    def is_moving(loop: tuple[jax.Array, jax.Array, jax.Array, jax.Array]) -> jax.Array:
        i, _, before, now = loop
        return (i < _POWER_ITERATIONS) & (jnp.abs(now - before) > _POWER_TOLERANCE * now)

    def body(loop: tuple[jax.Array, jax.Array, jax.Array, jax.Array]) -> Any:
        i, vectors, _, now = loop
        image = backward(forward(vectors))
        norm = jnp.linalg.norm(image)
        return i + 1, image / norm, now, jnp.sqrt(norm)

    start = jax.random.normal(internal_key(2), shape, dtype)
    zero = jnp.zeros((), dtype)
    loop = (jnp.int32(0), start / jnp.linalg.norm(start), zero, zero + 1)
    return lax.while_loop(is_moving, body, loop)[3]


def rows_of_products(matrices: jax.Array, vectors: jax.Array) -> jax.Array:
    """Row-by-row products of matrices `(T, D, D)` and vectors `(T, D)`."""
    return jax.vmap(Dense().apply)(matrices, vectors)


def error_per_sweep(
    step: Step,
    s0: Any,
    inputs: Any,
    *,
    n_sweeps: int,
    solver: ParallelNewton | str = "quasi",
) -> np.ndarray:
    """Distance to the loop's chain after each sweep over the whole chain.

    The largest `|s_t - loop's s_t|` over steps and coordinates after `0, 1, ..., n_sweeps` sweeps
    of one window; entry 0 is for the guess. On a logarithmic axis, linear convergence is a straight
    line, whose slope `jacobian_mismatch` bounds. Newton's method bends down.

    Args:
        step: as in `pmcmc.solve`.
        s0: as in `pmcmc.solve`.
        inputs: as in `pmcmc.solve`.
        n_sweeps: number of sweeps.
        solver: the method; its window and budget do not matter.

    Returns:
        Array of shape `(n_sweeps + 1,)`.

    Raises:
        ValueError: an argument cannot be used.
    """
    n_sweeps = check_count("n_sweeps", n_sweeps)
    method = as_newton(solver)
    prepare(step, s0, inputs)
    length = len(jax.tree.leaves(inputs)[0])
    loop = solve(step, s0, inputs, solver="sequential").states
    errors = []
    for budget in range(1, n_sweeps + 2):  # the last sweep of a budget is a check
        stopped = dataclasses.replace(method, window=length, fallback=None, max_sweeps=budget)
        states = solve(step, s0, inputs, solver=stopped).states
        leaves = jax.tree.leaves(jax.tree.map(lambda x, y: jnp.max(jnp.abs(x - y)), states, loop))
        errors.append(max(map(float, leaves)))
    return np.array(errors)


def as_newton(solver: ParallelNewton | str) -> ParallelNewton:
    """The Newton method with this name, or the given one."""
    method: Any = as_solver(solver)
    if not hasattr(method, "jacobian"):
        raise ValueError(
            f"solver must be a method of parallel sweeps, got {short(solver)}: "
            "write solver='quasi'."
        )
    newton: ParallelNewton = method
    return newton
