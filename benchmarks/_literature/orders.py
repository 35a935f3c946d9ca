"""Newton's sweeps of one recursion, their linear recurrence solved in other orders of rounding.

All are the same method in exact arithmetic. What differs is whether the recurrence is that of the
states, `s_t = A_t s_{t-1} + (f_t - A_t s'_{t-1})`, as published, or of the increments, as in this
package, and whether it is solved one step after another or by a scan in rounds, which multiplies
matrices: rounding then grows with products of matrices, not with the states.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

FORMS = ("states", "increments")
ORDERS = ("in order", "in rounds")


def count_sweeps(
    step: Callable[[jax.Array], jax.Array],
    start: Any,
    guess: Any,
    form: str,
    order: str,
    tolerance: float = 1e-10,
) -> tuple[int, float]:
    """Sweeps until the mean merit is within tolerance, counted as Gonzalez et al. (2025) do.

    Args:
        step: from a state, shape `(D,)`, to the next one.
        start: shape `(D,)`.
        guess: of the states behind it, shape `(T, D)`.
        form: of `FORMS`.
        order: of `ORDERS`.
        tolerance: of the sum of squared residuals over `2 T`.

    Returns:
        The number of sweeps, at most `T`, and the mean merit of the last iterate that was swept.
    """
    start, guess = jnp.asarray(start), jnp.asarray(guess)

    def sweep(states: jax.Array) -> tuple[jax.Array, jax.Array]:
        before = jnp.concatenate([start[None], states[:-1]])
        values = jax.vmap(step)(before)
        matrices = jax.vmap(jax.jacrev(step))(before).at[0].set(0.0)
        error = values - states
        merit = jnp.sum(error**2) / (2 * len(states))
        merit = jnp.where(jnp.isnan(merit), jnp.inf, merit)
        if form == "increments":
            increments = _solve(matrices, error, order)
            moved = jnp.concatenate([jnp.zeros_like(start)[None], increments[:-1]])
            return values + jnp.einsum("tij,tj->ti", matrices, moved), merit
        return _solve(matrices, values - jnp.einsum("tij,tj->ti", matrices, before), order), merit

    def body(carry: Any) -> Any:
        n, states, _ = carry
        states, merit = sweep(states)
        return n + 1, states, merit

    def goes_on(carry: Any) -> Any:
        return (carry[0] < len(guess)) & (carry[2] > tolerance)

    n, _, merit = jax.jit(lambda: lax.while_loop(goes_on, body, (0, guess, jnp.inf)))()
    return int(n), float(merit)


def _solve(matrices: jax.Array, offsets: jax.Array, order: str) -> jax.Array:
    """All `y_t = A_t y_{t-1} + b_t` from `y_0 = 0`."""
    if order == "in order":

        def advance(y: jax.Array, row: Any) -> tuple[jax.Array, jax.Array]:
            y = row[0] @ y + row[1]
            return y, y

        return lax.scan(advance, jnp.zeros_like(offsets[0]), (matrices, offsets))[1]

    def combine(earlier: Any, later: Any) -> Any:
        (a, b), (c, d) = earlier, later
        return c @ a, jnp.einsum("tij,tj->ti", c, b) + d

    return lax.associative_scan(combine, (matrices, offsets))[1]
