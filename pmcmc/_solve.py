"""`solve`: any recursion, in parallel over its length."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from pmcmc.solvers import (
    Auto,
    ParallelNewton,
    Recursion,
    Sequential,
    Solver,
    Trace,
    Trajectories,
    as_solver,
)

Step = Callable[[Any, Any], Any]


class Solution(NamedTuple):
    """States of a recursion, and the evidence that they solve it.

    Args:
        states: pytree of the structure of `s0`, leaves with a leading axis of length `T`; entry
            `t` is the state after input `t`.
        converged: whether every state is a number, not NaN, and within tolerance.
        residual: largest `|s_t - step(s_{t-1}, u_t)|` over all states and coordinates.
        scaled_residual: the same in units of the tolerance, at most 1 if converged.
        sweeps: parallel sweeps taken.
        sequential_steps: steps taken one at a time.
        trace: residual and finished steps of the first sweeps, as many as the solver was asked
            for, shape `(sweep,)`.
    """

    states: Any
    converged: jax.Array
    residual: jax.Array
    scaled_residual: jax.Array
    sweeps: jax.Array
    sequential_steps: jax.Array
    trace: Trace


def solve(step: Step, s0: Any, inputs: Any, *, solver: Solver | Auto | str = "quasi") -> Solution:
    """Evaluate `s_t = step(s_{t-1}, u_t)` for `t = 1..T`, in parallel over `t`.

    Works under `jax.jit` and on any map: the states are those of a loop to within the tolerance of
    the solver, whatever its approximations. Pass the same function again to use what has been
    compiled for it; as with `jax.jit`, data that it closes over are read the first time only.

    Args:
        step: `(state, input) -> state`, of the same structure, shapes and dtypes.
        s0: the known start, a pytree of float arrays.
        inputs: pytree of arrays with a leading axis of length `T`.
        solver: `"quasi"`, `"sequential"`, `"auto"`, or an instance such as
            `pmcmc.ParallelNewton(window=128)`.

    Raises:
        ValueError: an argument cannot be used, or a parallel solver is differentiated; the message
            says why and what to write.
    """
    solver = as_solver(solver)
    if isinstance(solver, ParallelNewton) and isinstance(solver.basis, str):
        if solver.basis == "hessian":
            raise ValueError(
                "basis='hessian' needs a log density, which solve does not have: write basis=None "
                "or an orthogonal matrix."
            )
        solver = dataclasses.replace(solver, basis=None)
    s0 = jax.tree.map(jnp.asarray, s0)
    _check_recursion(step, s0, inputs)
    flat, unravel = ravel_pytree(s0)
    return _solve(step, unravel, solver, flat, inputs)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _solve(
    step: Step, unravel: Callable[[jax.Array], Any], solver: Solver, s0: jax.Array, inputs: Any
) -> Solution:
    def advance(state: jax.Array, u: Any) -> tuple[jax.Array, None]:
        return ravel_pytree(step(unravel(state), u))[0], None

    recursion = Recursion(carry=lambda s: s, advance=advance, state=lambda s: s)
    batch = jax.tree.map(lambda u: jnp.asarray(u)[None], inputs)
    length = jax.tree.leaves(batch)[0].shape[1]
    result = jax.tree.map(lambda x: x[0], solver.run(recursion, s0[None], batch, length))
    if not isinstance(solver, Sequential):
        result = _without_derivative(result)
    is_number = ~jnp.any(jnp.isnan(result.states))
    return Solution(
        states=jax.vmap(unravel)(result.states),
        converged=is_number & (result.scaled_residual <= 1),
        residual=result.residual,
        scaled_residual=result.scaled_residual,
        sweeps=result.sweeps,
        sequential_steps=result.sequential_steps,
        trace=result.trace,
    )


@jax.custom_jvp
def _without_derivative(result: Trajectories) -> Trajectories:
    """The result; differentiating it is an error.

    The tangents of sweeps are those of the iteration, not of its solution: a guess that happens to
    be right has none.
    """
    return result


@_without_derivative.defjvp
def _refuse_derivative(primals: Any, tangents: Any) -> Any:
    raise ValueError(
        "pmcmc.solve cannot be differentiated with a parallel solver: write solver='sequential'."
    )


def _check_recursion(step: Step, s0: Any, inputs: Any) -> None:
    for path, leaf in jax.tree.flatten_with_path(s0)[0]:
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            raise ValueError(
                f"s0{jax.tree_util.keystr(path)} must be an array of floats, got dtype "
                f"{leaf.dtype}: write e.g. 0.0 instead of 0."
            )
    if not sum(leaf.size for leaf in jax.tree.leaves(s0)):
        raise ValueError(f"s0 must hold at least one number, got {s0!r}: write e.g. jnp.zeros(2).")
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
            f"({type(error).__name__}: {error}): write a function (state, input) -> state with "
            "jax.numpy."
        ) from error
    got = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), got)
    if got != expected:
        raise ValueError(
            f"step must return a state like s0, {expected}, got {got}: give s0 the structure, "
            "shapes and dtypes that step returns."
        )
