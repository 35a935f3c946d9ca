"""`solve`: any recursion, in parallel over its length."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree

from pmcmc._util.checks import check_hashable, first_line, short
from pmcmc._util.flat import flatten_states
from pmcmc._util.programs import jit_of_function, weakly_referable
from pmcmc.solvers import (
    Auto,
    Outcome,
    Recursion,
    Solver,
    SweepLog,
    as_solver,
)
from pmcmc.solvers.derivatives import attach_derivative
from pmcmc.solvers.newton.bases import jacobian_basis
from pmcmc.solvers.newton.structures import Structure
from pmcmc.solvers.setting import Setting

Step = Callable[[Any, Any], Any]
# For 300 steps of 100 mean-field units with gain 0.9, one probe takes 300 sweeps, 16 probes take
# 83, and the exact diagonal takes 73. On a CPU, the exact diagonal costs less than 16 probes in up
# to at least 64 dimensions.
_MOST_EXACT, _PROBES = 64, 16


@dataclass(frozen=True)
class FlatStep:
    """A step on flat states; its compiled code is tied to the function, see `_util.programs`."""

    function: Step
    unravel: Callable[[jax.Array], Any]

    def __call__(self, state: jax.Array, u: Any) -> jax.Array:
        return ravel_pytree(self.function(self.unravel(state), u))[0]


class Solution(NamedTuple):
    """States of a recursion, and the evidence that they solve it.

    Args:
        states: pytree of the structure of `s0`, leaves with a leading axis of length `T`; entry
            `t` is the state after input `t`.
        outcome: how it ended, an integer of `pmcmc.solvers.Outcome`, whose members have a cause and
            a remedy; infinite states are allowed, NaN is not.
        residual: largest `|s_t - step(s_{t-1}, u_t)|` over all states and coordinates, infinite if
            a state is NaN.
        scaled_residual: the same in units of the tolerance, at most 1 if converged.
        sweeps: number of parallel sweeps.
        sequential_steps: number of steps taken one at a time.
        sweep_log: residual and finished steps of the first sweeps, as many as the solver logs,
            shape `(sweep,)`.
    """

    states: Any
    outcome: jax.Array
    residual: jax.Array
    scaled_residual: jax.Array
    sweeps: jax.Array
    sequential_steps: jax.Array
    sweep_log: SweepLog

    @property
    def converged(self) -> jax.Array:
        """Whether every state is a number, not NaN, and within tolerance."""
        return self.outcome <= Outcome.FINISHED_WITH_SEQUENTIAL_STEPS


def solve(step: Step, s0: Any, inputs: Any, *, solver: Solver | Auto | str = "quasi") -> Solution:
    """Evaluate `s_t = step(s_{t-1}, u_t)` for `t = 1..T`, in parallel over `t`.

    It works under `jax.jit` and for any map: the states equal those of a loop to within the
    tolerance of the solver, whatever its approximations. Pass the same function again to reuse its
    compiled code. As with `jax.jit`, data in its closure are read only the first time, and compiled
    code is freed together with the function.

    Args:
        step: `(state, input) -> state`, of the same structure, shapes and dtypes.
        s0: the known start, a pytree of float arrays.
        inputs: pytree of arrays with a leading axis of length `T`.
        solver: a name (`"newton"`, `"quasi"`, `"clip-elk"`, ...; all are in
            `pmcmc.solvers.PRESETS`), or an instance such as `pmcmc.ParallelNewton(window=128)`.

    Forward and reverse derivatives with respect to `s0`, `inputs` and the closure of `step` are
    those of the solution, by the implicit function theorem, to the tolerance of the solver. If the
    solver did not converge they are NaN.

    Raises:
        ValueError: an argument cannot be used; the message says why and what to write.
    """
    solver = as_solver(solver)
    if isinstance(solver, Auto):
        solver = solver.choose()
    flat_step, flat = prepare(step, s0, inputs)
    solver = solver.prepare(StepSetting(flat_step, flat, inputs))
    return _solve(flat_step, solver, flat, inputs)


def prepare(step: Step, s0: Any, inputs: Any) -> tuple[FlatStep, jax.Array]:
    """Check a recursion, and return its step on flat states and its flat start.

    Raises:
        ValueError: it cannot be used.
    """
    s0 = jax.tree.map(jnp.asarray, s0)
    check_hashable("step", step, "s, u")
    _check_recursion(step, s0, inputs)
    flat, unravel = ravel_pytree(s0)
    return FlatStep(weakly_referable(step), unravel), flat


class StepSetting(Setting):
    """A recursion of which only the step is known.

    Args:
        step: of flat states.
        s0: start, shape `(D,)`.
        inputs: leading axis `T`.
    """

    def __init__(self, step: FlatStep, s0: jax.Array, inputs: Any) -> None:
        self._step, self._s0, self._inputs = step, s0, inputs

    def basis(self, name: str, structure: Structure) -> jax.Array | None:
        if name == "hessian":
            raise ValueError(
                "basis='hessian' needs a log density, which solve does not have: write "
                "basis='jacobian', basis=None or an invertible matrix."
            )
        if name == "auto":
            return None
        structure.check(1, self._s0.size, self._s0.dtype.itemsize)
        return _jacobian_basis(self._step, self._s0, self._inputs, structure.n_parts)

    def probes(self) -> int | None:
        return None if self._s0.size <= _MOST_EXACT else _PROBES

    def flatten(self, states: Any) -> jax.Array:
        length = len(jax.tree.leaves(self._inputs)[0])
        return flatten_states(states, self._step.unravel(self._s0), (length,))[None]


@jit_of_function()
def _solve(step: FlatStep, solver: Solver, s0: jax.Array, inputs: Any) -> Solution:
    inputs = jax.tree.map(jnp.asarray, inputs)
    closed, parameters = _close(step, s0, jax.tree.map(lambda u: u[0], inputs))

    # The sweeps see constants; derivatives are attached to the solution.
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
        states=jax.vmap(step.unravel)(states),
        outcome=outcome,
        residual=jnp.where(is_finite[0], result.residual, jnp.inf),
        scaled_residual=jnp.where(is_finite[0], result.scaled_residual, jnp.inf),
        sweeps=result.sweeps,
        sequential_steps=result.sequential_steps,
        sweep_log=result.sweep_log,
    )


@jit_of_function(3)
def _jacobian_basis(step: FlatStep, s0: jax.Array, inputs: Any, n_parts: int) -> jax.Array:
    inputs = jax.tree.map(jnp.asarray, inputs)
    return lax.stop_gradient(jacobian_basis(_as_recursion(step), s0, inputs, n_parts))


def _as_recursion(step: Callable[[jax.Array, Any], jax.Array]) -> Recursion:
    return Recursion(carry=lambda s: s, advance=lambda s, u: (step(s, u), None), state=lambda s: s)


def _close(
    step: FlatStep, s0: jax.Array, u: Any
) -> tuple[Callable[[jax.Array, Any, Any], jax.Array], list[Any]]:
    """The step on flat states as `(state, input, parameters) -> state`, and its parameters.

    The parameters are the arrays that the user's function closes over. They may be traced, and
    derivatives may be taken with respect to them.
    """
    closed = jax.make_jaxpr(step)(s0, u)

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
