"""How well a recursion, and a method on it, suit parallel evaluation.

Functions take a recursion as `pmcmc.solve` does, run it as a loop, and return numbers. The chain of
a kernel is the recursion of its positions, `step = lambda x, noise: kernel.transition(logdensity,
kernel.init(logdensity, x), noise)[0].position` with drawn noise for inputs. Formulas are those of
Gonzalez, *Unifying Optimization and Dynamics to Parallelize Sequential Computation* (2026).
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pmcmc._solve import FlatStep, Step, StepSetting, prepare, solve
from pmcmc._util.checks import check_count, check_finite, check_positive, short
from pmcmc._util.keys import internal_key
from pmcmc._util.programs import jit_of_function
from pmcmc.solvers import Dense, IterateGuess, ParallelNewton, as_solver
from pmcmc.solvers.coordinates import Coordinates
from pmcmc.solvers.damping.base import Recurrence
from pmcmc.solvers.scan import affine_scan

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
        gamma: their product, a bound on the factor by which a sweep shrinks the error near the
            solution. Below 1 it guarantees linear convergence, the faster the smaller; above 1 it
            promises nothing (sweeps may be fast all the same).
    """

    mismatch: jax.Array
    inverse_norm: jax.Array
    gamma: jax.Array


def lyapunov_exponent(
    step: Step, s0: Any, inputs: Any, *, n_starts: int = 4, seed: int = 0
) -> jax.Array:
    """Largest Lyapunov exponent along the chain, per step.

    The mean logarithmic growth of small perturbations, `log|A_T ... A_1 v| / T`, averaged over
    random unit vectors `v`. Negative: perturbations die out, and the number of Newton sweeps grows
    like the logarithm of the length. Zero or positive: it may grow like the length, and a loop is
    the better choice. For short chains it is dominated by the start.

    Args:
        step: as in `pmcmc.solve`.
        s0: as in `pmcmc.solve`.
        inputs: as in `pmcmc.solve`.
        n_starts: number of random vectors.
        seed: of the random vectors.

    Raises:
        ValueError: an argument cannot be used.
    """
    n_starts = check_count("n_starts", n_starts)
    flat_step, flat = prepare(step, s0, inputs)
    vectors = jax.random.normal(internal_key(seed), (n_starts, flat.size), flat.dtype)
    return _exponent(flat_step, flat, inputs, vectors)


@jit_of_function()
def _exponent(step: FlatStep, s0: jax.Array, inputs: Any, vectors: jax.Array) -> jax.Array:
    return jnp.mean(grow(step, s0, vectors, jax.tree.map(jnp.asarray, inputs))[1])


def grow(
    step: Step, state: jax.Array, vectors: jax.Array, inputs: Any
) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
    """Push vectors along the chain of a flat state.

    Returns:
        The last state and the vectors there, of length 1, and their mean logarithmic growth in each
        step.
    """

    def normalized(vectors: jax.Array) -> tuple[jax.Array, jax.Array]:
        norm = jnp.linalg.norm(vectors, axis=1)
        return vectors / jnp.where(norm > 0, norm, 1.0)[:, None], norm

    def advance(carry: tuple[jax.Array, jax.Array], u: Any) -> tuple[Any, jax.Array]:
        state, vectors = carry
        state, push = jax.linearize(lambda s: step(s, u), state)
        vectors, growth = normalized(jax.vmap(push)(vectors))
        return (state, vectors), jnp.mean(jnp.log(growth))

    return lax.scan(advance, (state, normalized(vectors)[0]), inputs)


def jacobian_mismatch(
    step: Step, s0: Any, inputs: Any, *, solver: ParallelNewton | str = "quasi"
) -> Mismatch:
    """How far a method is from Newton's along the chain, and what that says of its convergence.

    Matrices are those of the first sweep of a window as long as the chain, damping included. They
    take `O(T D**2)` memory here whatever the method.

    Args:
        step: as in `pmcmc.solve`.
        s0: as in `pmcmc.solve`.
        inputs: as in `pmcmc.solve`.
        solver: the method; its window, guess and tolerances do not matter.

    Raises:
        ValueError: an argument cannot be used.
    """
    method = _as_newton(solver)
    f, flat = prepare(step, s0, inputs)
    # Whatever the guess: the matrices are those along the chain.
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
            lambda s, u, key: structure.linearize(lambda x: (f(x, u), None), s, coordinates, key)[2]
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
    below = jacobians - inverse_gains @ products
    on_diagonal = inverse_gains - units[None]
    norms = jnp.linalg.norm(below, ord=2, axis=(1, 2)).at[0].set(0.0)  # the start is known
    mismatch = jnp.max(norms) + jnp.max(jnp.linalg.norm(on_diagonal, ord=2, axis=(1, 2)))
    inverse_norm = _inverse_norm(products, gains)
    return Mismatch(mismatch, inverse_norm, mismatch * inverse_norm)


def _inverse_norm(products: jax.Array, gains: jax.Array) -> jax.Array:
    """Spectral norm of the map from `b` to `y_t = E_t y_{t-1} + G_t b_t`, by power iteration."""

    def forward(vectors: jax.Array) -> jax.Array:
        return affine_scan(Dense(), products, _rows(gains, vectors))

    def backward(vectors: jax.Array) -> jax.Array:
        after = jnp.roll(jnp.swapaxes(products, 1, 2), -1, axis=0)[::-1]
        return _rows(jnp.swapaxes(gains, 1, 2), affine_scan(Dense(), after, vectors[::-1])[::-1])

    def is_moving(loop: tuple[jax.Array, jax.Array, jax.Array, jax.Array]) -> jax.Array:
        i, _, before, now = loop
        return (i < _POWER_ITERATIONS) & (jnp.abs(now - before) > _POWER_TOLERANCE * now)

    def body(loop: tuple[jax.Array, jax.Array, jax.Array, jax.Array]) -> Any:
        i, vectors, _, now = loop
        image = backward(forward(vectors))
        norm = jnp.linalg.norm(image)
        return i + 1, image / norm, now, jnp.sqrt(norm)

    start = jax.random.normal(internal_key(2), products.shape[:2], products.dtype)
    zero = jnp.zeros((), products.dtype)
    loop = (jnp.int32(0), start / jnp.linalg.norm(start), zero, zero + 1)
    return lax.while_loop(is_moving, body, loop)[3]


def _rows(matrices: jax.Array, vectors: jax.Array) -> jax.Array:
    return jax.vmap(Dense().apply)(matrices, vectors)


def pl_bounds(
    exponent: float, n_steps: int, *, a: float = 1.0, b: float = 1.0
) -> tuple[float, float]:
    """Bounds on the square root of the Polyak-Lojasiewicz constant of the merit function.

    That constant is the square of the smallest singular value of the residual's Jacobian: near 1
    the chain is easily found from anywhere, near 0 the merit function is flat and sweeps have far
    to go. With a negative exponent the bounds hardly depend on the length of long chains; with a
    positive one both fall exponentially with it.

    The lower bound, `(exp(exponent) - 1) / (exp(exponent * n_steps) - 1) / a`, and two parts of the
    upper one, 1 and `exp(-exponent * (n_steps - 1)) / b`, are those of the thesis. The third part
    follows the vector that the product of all Jacobians stretches most. Along it the inverse of the
    residual's Jacobian is a lower triangular matrix of numbers, whose entries are at least
    `c * exp(k * exponent)` on the `k`-th diagonal, with `c = min(1, b / max(a, 1)**2)`; so the
    smallest singular value is at most that of the bidiagonal matrix of 1 and `-exp(exponent)`,
    divided by `c`. For exponent 0 that is `2 * sin(pi / (4 * n_steps + 2))`, and else bounded by
    Rayleigh quotients.

    Args:
        exponent: largest Lyapunov exponent.
        n_steps: length of the chain.
        a: products of `k` successive Jacobians have norms of at most `a * exp(k * exponent)`.
        b: and of at least `b * exp(k * exponent)`.

    Returns:
        The lower and the upper bound.

    Raises:
        ValueError: an argument is out of range.
    """
    check_finite("exponent", exponent, "exponent=-0.01")
    n_steps = check_count("n_steps", n_steps)
    check_positive("a", a, "a=1.0")
    check_positive("b", b, "b=1.0")
    with np.errstate(over="ignore"):
        growth = np.expm1(exponent * n_steps)
        lower = 1 / n_steps if exponent == 0 else np.expm1(exponent) / growth
        last = np.exp(-exponent * (n_steps - 1)) / b
        along = _smallest_of_bidiagonal(np.exp(exponent), n_steps) / min(1.0, b / max(a, 1.0) ** 2)
    return float(lower / a), float(min(1.0, last, along))


def _smallest_of_bidiagonal(ratio: float, size: int) -> float:
    """Bound on the smallest singular value of the matrix with 1 and `-ratio` below; exact at 1.

    Its square is the smallest eigenvalue of a tridiagonal matrix, and at most the Rayleigh quotient
    of any vector: of `cos((k - 1/2) * angle)`, which is the eigenvector for a ratio of 1, and of
    `sin(pi * k / (size + 1))`, which is the better one for much smaller ratios.
    """
    if ratio > 2:  # where the last block alone is sharper, and squares overflow
        return 1.0
    angle = np.pi / (2 * size + 1)
    by_cosines = (
        (1 - ratio) ** 2
        + 4 * ratio * np.sin(angle / 2) ** 2
        + 4 * ratio * (1 - ratio) * np.cos(angle / 2) ** 2 / (2 * size + 1)
    )
    by_sines = (1 - ratio) ** 2 + 4 * ratio * np.sin(np.pi / (2 * size + 2)) ** 2
    return float(np.sqrt(max(min(by_cosines, by_sines), 0.0)))


def error_per_sweep(
    step: Step,
    s0: Any,
    inputs: Any,
    *,
    n_sweeps: int,
    solver: ParallelNewton | str = "quasi",
) -> np.ndarray:
    """Distance to the chain of the loop after each sweep over all of it.

    The largest `|s_t - loop's s_t|` over steps and coordinates after `0, 1, ..., n_sweeps` sweeps
    of one window: entry 0 is that of the guess. On a logarithmic axis a straight line is linear
    convergence, whose slope `jacobian_mismatch` bounds; Newton's method bends down.

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
    method = _as_newton(solver)
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


def _as_newton(solver: ParallelNewton | str) -> ParallelNewton:
    method: Any = as_solver(solver)
    if not hasattr(method, "jacobian"):
        raise ValueError(
            f"solver must be a method of parallel sweeps, got {short(solver)}: "
            "write solver='quasi'."
        )
    newton: ParallelNewton = method
    return newton
