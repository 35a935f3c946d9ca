"""Whether a recursion contracts: its Lyapunov exponent, and what that means for sweeps.

Formulas are those of Gonzalez, *Unifying Optimization and Dynamics to Parallelize Sequential
Computation* (2026).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._planning.growth import grow
from pmcmc._solve import FlatStep, Step, prepare
from pmcmc._util.checks import check_count, check_finite, check_positive
from pmcmc._util.keys import internal_key
from pmcmc._util.programs import jit_of_function


def lyapunov_exponent(
    step: Step, s0: Any, inputs: Any, *, n_starts: int = 4, seed: int = 0
) -> jax.Array:
    """Largest Lyapunov exponent along the chain, per step.

    The mean logarithmic growth of small perturbations, `log|A_T ... A_1 v| / T`, averaged over
    random unit vectors `v`. If it is negative, perturbations die out, and the number of Newton
    sweeps grows like the logarithm of the length. If it is zero or positive, the number may grow
    like the length, and a loop is the better choice. For short chains the start dominates it.

    Args:
        step: as in `pmcmc.solve`.
        s0: as in `pmcmc.solve`.
        inputs: as in `pmcmc.solve`.
        n_starts: number of random vectors.
        seed: seed of the random vectors.

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


def pl_bounds(
    exponent: float, n_steps: int, *, a: float = 1.0, b: float = 1.0
) -> tuple[float, float]:
    """Bounds on the square root of the Polyak-Lojasiewicz constant of the merit function.

    The constant is the square of the smallest singular value of the residual's Jacobian. If it is
    near 1, the chain is easy to find from anywhere; if it is near 0, the merit function is flat and
    sweeps have a long way to go. With a negative exponent the bounds hardly depend on the length of
    long chains; with a positive one both decrease exponentially with it.

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
        a: products of `k` successive Jacobians have norms of at most `a * exp(k * exponent)`,
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
    if ratio > 2:  # here the bound by the last block alone is sharper, and squares overflow
        return 1.0
    angle = np.pi / (2 * size + 1)
    by_cosines = (
        (1 - ratio) ** 2
        + 4 * ratio * np.sin(angle / 2) ** 2
        + 4 * ratio * (1 - ratio) * np.cos(angle / 2) ** 2 / (2 * size + 1)
    )
    by_sines = (1 - ratio) ** 2 + 4 * ratio * np.sin(np.pi / (2 * size + 2)) ** 2
    return float(np.sqrt(max(min(by_cosines, by_sines), 0.0)))
