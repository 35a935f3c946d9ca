"""Derivatives of a solution, by the implicit function theorem."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc.solvers.base import Solver
from pmcmc.solvers.recursion import Recursion

Step = Callable[[jax.Array, Any, Any], jax.Array]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def attach_derivative(
    step: Step,
    solver: Solver,
    parameters: Any,
    s0: jax.Array,
    inputs: Any,
    states: jax.Array,
    is_solution: jax.Array,
) -> jax.Array:
    """The `states`, with the derivative of a solution of the recursion.

    Differentiating the sweeps would not give the tangents of the solution. Those satisfy a linear
    recurrence with the true Jacobians, forward in time for tangents and backward for cotangents.
    The same solver evaluates it, to a tolerance relative to the largest number that drives it, and
    completes it one step at a time if necessary. Where `is_solution` is false, derivatives are NaN.

    Args:
        step: `(state, input, parameters) -> state`, which closes over nothing traced.
        solver: evaluates the recurrences.
        parameters: what else is differentiated.
        s0: start, shape `(D,)`.
        inputs: leading axis `T`.
        states: `s_1..s_T`, shape `(T, D)`.
        is_solution: whether the states solve the recursion.
    """
    return states


@attach_derivative.defjvp
def _attach_jvp(step: Step, primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    solver, parameters, s0, inputs, _, is_solution = primals
    _, parameters_dot, s0_dot, inputs_dot, _, _ = tangents
    states = attach_derivative(step, *primals)  # with its derivative, for derivatives of this one
    previous = jnp.concatenate([s0[None], states[:-1]])

    def values(parameters: Any, inputs: Any) -> jax.Array:
        out: jax.Array = jax.vmap(lambda s, u: step(s, u, parameters))(previous, inputs)
        return out

    def push(state: jax.Array, u: Any, tangent: jax.Array) -> jax.Array:
        out: jax.Array = jax.jvp(lambda s: step(s, u, parameters), (state,), (tangent,))[1]
        return out

    def pull(state: jax.Array, u: Any, cotangent: jax.Array) -> jax.Array:
        out: jax.Array = jax.vjp(lambda s: step(s, u, parameters), state)[1](cotangent)[0]
        return out

    def residual(increments: jax.Array) -> jax.Array:
        before = jnp.concatenate([jnp.zeros_like(s0)[None], increments[:-1]])
        return increments - jax.vmap(push)(previous, inputs, before)

    def solve(_: Any, right: jax.Array) -> jax.Array:
        return _recurrence(solver, push, (previous, inputs), right)

    def solve_transposed(_: Any, right: jax.Array) -> jax.Array:
        # The cotangent of a state comes through the step after it; the last state has none.
        order = jnp.arange(right.shape[0], 0, -1) % right.shape[0]
        after = jax.tree.map(lambda leaf: leaf[order], (previous, inputs))
        return _recurrence(solver, pull, after, right[::-1])[::-1]

    _, direct = jax.jvp(values, (parameters, inputs), (parameters_dot, inputs_dot))
    first = jax.tree.map(lambda u: u[0], inputs)
    direct = direct.at[0].add(push(s0, first, s0_dot))
    states_dot = lax.custom_linear_solve(residual, direct, solve, solve_transposed)
    # A factor, unlike a choice, also reaches the cotangents of reverse mode.
    return states, states_dot * jnp.where(is_solution, 1.0, jnp.nan)


def _recurrence(
    solver: Solver,
    multiply: Callable[[jax.Array, Any, jax.Array], jax.Array],
    places: tuple[jax.Array, Any],
    offsets: jax.Array,
) -> jax.Array:
    """All `x_t = A_t x_{t-1} + b_t` from zero, where `A_t` is the product at a state and input.

    Residuals are judged in units of the largest number in `b`.
    """
    largest = jnp.max(jnp.abs(offsets))
    unit = jnp.where(largest > 0, largest, 1.0)

    def advance(x: jax.Array, row: Any) -> tuple[jax.Array, None]:
        (state, u), offset = row
        return multiply(state, u, x) + offset, None

    recursion = Recursion(carry=lambda x: x, advance=advance, state=lambda x: x)
    solver = solver.for_derivatives()
    batch = jax.tree.map(lambda leaf: leaf[None], (places, offsets / unit))
    result = solver.run(recursion, jnp.zeros_like(offsets[:1]), batch, offsets.shape[0])
    return jnp.where(result.scaled_residual[0] <= 1, unit * result.states[0], jnp.nan)
