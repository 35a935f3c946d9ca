"""`solve`: any recursion, in parallel over its length."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree

from pmcmc._checks import check_hashable, first_line, short
from pmcmc._flat import flatten_states
from pmcmc.solvers import (
    Auto,
    Outcome,
    ParallelNewton,
    Recursion,
    Solver,
    Trace,
    TrajectoryGuess,
    as_solver,
)
from pmcmc.solvers.bases import jacobian_basis
from pmcmc.solvers.derivatives import attach_derivative

Step = Callable[[Any, Any], Any]


class Solution(NamedTuple):
    """States of a recursion, and the evidence that they solve it.

    Args:
        states: pytree of the structure of `s0`, leaves with a leading axis of length `T`; entry
            `t` is the state after input `t`.
        outcome: how it ended, an integer of `pmcmc.solvers.Outcome`, whose members name the cause
            and the remedy; infinite states are allowed, NaN is not.
        residual: largest `|s_t - step(s_{t-1}, u_t)|` over all states and coordinates, infinite
            where a state is not finite.
        scaled_residual: the same in units of the tolerance, at most 1 if converged.
        sweeps: parallel sweeps taken.
        sequential_steps: steps taken one at a time.
        trace: residual and finished steps of the first sweeps, as many as the solver was asked
            for, shape `(sweep,)`.
    """

    states: Any
    outcome: jax.Array
    residual: jax.Array
    scaled_residual: jax.Array
    sweeps: jax.Array
    sequential_steps: jax.Array
    trace: Trace

    @property
    def converged(self) -> jax.Array:
        """Whether every state is a number, not NaN, and within tolerance."""
        return self.outcome <= Outcome.FINISHED_WITH_SEQUENTIAL_STEPS


def solve(step: Step, s0: Any, inputs: Any, *, solver: Solver | Auto | str = "quasi") -> Solution:
    """Evaluate `s_t = step(s_{t-1}, u_t)` for `t = 1..T`, in parallel over `t`.

    Works under `jax.jit` and on any map: the states are those of a loop to within the tolerance of
    the solver, whatever its approximations. Pass the same function again to use what has been
    compiled for it; as with `jax.jit`, data that it closes over are read the first time only.

    Args:
        step: `(state, input) -> state`, of the same structure, shapes and dtypes.
        s0: the known start, a pytree of float arrays.
        inputs: pytree of arrays with a leading axis of length `T`.
        solver: a name (`"newton"`, `"quasi"`, `"clip-elk"`, ...; all are in
            `pmcmc.solvers.PRESETS`), or an instance such as `pmcmc.ParallelNewton(window=128)`.

    Derivatives, forward and reverse, by `s0`, `inputs` and whatever `step` closes over are those of
    the solution, by the implicit function theorem, to the tolerance of the solver; where the solver
    did not converge they are NaN.

    Raises:
        ValueError: an argument cannot be used; the message says why and what to write.
    """
    solver = as_solver(solver)
    if isinstance(solver, Auto):
        solver = solver.choose()
    flat, unravel = prepare(step, s0, inputs)
    if isinstance(solver, ParallelNewton):
        solver = resolve(solver, step, flat, unravel, inputs)
    return _solve(step, unravel, solver, flat, inputs)


def prepare(step: Step, s0: Any, inputs: Any) -> tuple[jax.Array, Callable[[jax.Array], Any]]:
    """The start as a flat vector, and the way back, once a recursion has been checked.

    Raises:
        ValueError: it cannot be used.
    """
    s0 = jax.tree.map(jnp.asarray, s0)
    check_hashable("step", step, "s, u")
    _check_recursion(step, s0, inputs)
    return ravel_pytree(s0)


def resolve(
    solver: ParallelNewton,
    step: Step,
    s0: jax.Array,
    unravel: Callable[[jax.Array], Any],
    inputs: Any,
) -> ParallelNewton:
    """The solver with its basis found and its guess flattened."""
    if isinstance(solver.basis, str) and solver.basis == "hessian":
        raise ValueError(
            "basis='hessian' needs a log density, which solve does not have: write "
            "basis='jacobian', basis=None or an invertible matrix."
        )
    if isinstance(solver.basis, str):
        basis = None
        if solver.basis == "jacobian":
            n_parts = solver.jacobian.n_parts
            solver.jacobian.check(1, s0.size, s0.dtype.itemsize)
            basis = _jacobian_basis(step, unravel, n_parts, s0, inputs)
        solver = dataclasses.replace(solver, basis=basis)
    if isinstance(solver.guess, TrajectoryGuess):
        length = len(jax.tree.leaves(inputs)[0])
        table = flatten_states(solver.guess.states, unravel(s0), (length,))[None]
        solver = dataclasses.replace(solver, guess=TrajectoryGuess(table))
    return solver


@functools.partial(jax.jit, static_argnums=(0, 1))
def _solve(
    step: Step, unravel: Callable[[jax.Array], Any], solver: Solver, s0: jax.Array, inputs: Any
) -> Solution:
    inputs = jax.tree.map(jnp.asarray, inputs)
    closed, parameters = _close(step, unravel, s0, jax.tree.map(lambda u: u[0], inputs))

    # The sweeps see constants: derivatives are attached to what they find.
    constants, start, batch = jax.tree.map(
        lax.stop_gradient, (parameters, s0[None], jax.tree.map(lambda u: u[None], inputs))
    )
    length = jax.tree.leaves(inputs)[0].shape[0]
    recursion = _as_recursion(lambda s, u: closed(s, u, constants))
    trajectories = solver.run(recursion, start, batch, length)
    is_finite = ~jnp.any(jnp.isnan(trajectories.states), axis=(1, 2))
    outcome = Outcome.of(trajectories, is_finite)[0]
    result = jax.tree.map(lambda x: x[0], trajectories)
    is_solution = outcome <= Outcome.FINISHED_WITH_SEQUENTIAL_STEPS
    states = attach_derivative(closed, solver, parameters, s0, inputs, result.states, is_solution)
    return Solution(
        states=jax.vmap(unravel)(states),
        outcome=outcome,
        residual=jnp.where(is_finite[0], result.residual, jnp.inf),
        scaled_residual=jnp.where(is_finite[0], result.scaled_residual, jnp.inf),
        sweeps=result.sweeps,
        sequential_steps=result.sequential_steps,
        trace=result.trace,
    )


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _jacobian_basis(
    step: Step,
    unravel: Callable[[jax.Array], Any],
    n_parts: int,
    s0: jax.Array,
    inputs: Any,
) -> jax.Array:
    recursion = _as_recursion(lambda s, u: ravel_pytree(step(unravel(s), u))[0])
    inputs = jax.tree.map(jnp.asarray, inputs)
    return lax.stop_gradient(jacobian_basis(recursion, s0, inputs, n_parts))


def _as_recursion(step: Callable[[jax.Array, Any], jax.Array]) -> Recursion:
    return Recursion(carry=lambda s: s, advance=lambda s, u: (step(s, u), None), state=lambda s: s)


def _close(
    step: Step, unravel: Callable[[jax.Array], Any], s0: jax.Array, u: Any
) -> tuple[Callable[[jax.Array, Any, Any], jax.Array], list[Any]]:
    """The step on flat states as `(state, input, parameters) -> state`, and its parameters.

    Parameters are the arrays that the user's function closes over: they may be traced, and a
    derivative may be taken by them.
    """
    closed = jax.make_jaxpr(lambda s, u: ravel_pytree(step(unravel(s), u))[0])(s0, u)

    def on_parameters(s: jax.Array, u: Any, parameters: list[Any]) -> jax.Array:
        arguments = jax.tree.leaves((s, u))
        return jax.core.eval_jaxpr(closed.jaxpr, parameters, *arguments)[0]

    return on_parameters, closed.consts


def _check_recursion(step: Step, s0: Any, inputs: Any) -> None:
    for path, leaf in jax.tree.flatten_with_path(s0)[0]:
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            raise ValueError(
                f"s0{jax.tree_util.keystr(path)} must be an array of floats, got dtype "
                f"{leaf.dtype}: write e.g. 0.0 instead of 0."
            )
    if not sum(leaf.size for leaf in jax.tree.leaves(s0)):
        raise ValueError(
            f"s0 must hold at least one number, got {short(s0)}: write e.g. jnp.zeros(2)."
        )
    lengths = {
        f"inputs{jax.tree_util.keystr(path)}": np.shape(leaf)[:1]
        for path, leaf in jax.tree.flatten_with_path(inputs)[0]
    }
    if len(set(lengths.values())) != 1 or not all(shape and shape[0] for shape in lengths.values()):
        raise ValueError(
            f"inputs must be arrays with one common leading axis of at least one step, got leading "
            f"axes {lengths}: write e.g. inputs=jnp.arange(100)."
        )
    expected = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), s0)
    first = jax.tree.map(lambda u: jax.eval_shape(lambda x: jnp.asarray(x)[0], u), inputs)
    try:
        got = jax.eval_shape(step, expected, first)
    except Exception as error:
        raise ValueError(
            "step could not be traced by JAX at s0 and the first of inputs "
            f"({first_line(error)}): write a function (state, input) -> state with "
            "jax.numpy."
        ) from error
    got = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), got)
    if got != expected:
        raise ValueError(
            f"step must return a state like s0, {expected}, got {got}: give s0 the structure, "
            "shapes and dtypes that step returns."
        )
