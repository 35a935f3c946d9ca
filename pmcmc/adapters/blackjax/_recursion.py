"""The chain of a BlackJAX algorithm as a recursion, with its solver made ready."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from blackjax.mcmc.elliptical_slice import EllipSliceState

from pmcmc._basis import hessian_basis
from pmcmc._programs import jit_of_function
from pmcmc.adapters.blackjax._states import StateLayout
from pmcmc.adapters.blackjax._step_key import StepKey
from pmcmc.solvers import ParallelNewton, Recursion, ScaledIdentity, Solver
from pmcmc.solvers.bases import PILOT_STEPS, jacobian_basis

_MAX_HESSIAN_DIM = 1000


def as_recursion(
    layout: StateLayout, transform: Callable[[Any, Any], Any], driven: list[Any]
) -> Recursion:
    """The recursion; an input is a `StepKey`, and keys and counters of the state before and after.

    Args:
        layout: of the states.
        transform: `(state, info) -> what to keep`.
        driven: any keys and counters, in whose place those of the input are put.
    """

    def advance(state: Any, row: tuple[StepKey, list[Any], list[Any]]) -> tuple[Any, Any]:
        key, before, after = row
        state, info = layout.step(key, layout.with_driven(state, before))
        is_same = [jnp.all(x == y) for x, y in zip(layout.driven(state), after, strict=True)]
        return state, (transform(state, info), jnp.all(jnp.array([True, *is_same])))

    return Recursion(
        carry=lambda vector: layout.assemble(vector, driven),
        advance=advance,
        state=layout.vector,
    )


def resolve(solver: Solver, layout: StateLayout, state: Any, keys: StepKey) -> Solver:
    """The solver with its basis found.

    Raises:
        ValueError: the solver does not suit the algorithm.
    """
    if not isinstance(solver, ParallelNewton):
        return solver
    if isinstance(state, EllipSliceState) and solver.jacobian != ScaledIdentity(0.0):
        raise ValueError(
            "elliptical slice sampling shrinks its slice until a draw is found, which never ends "
            "at some of the iterates that this solver passes on its way: write solver='jacobi', "
            "whose iterates are outcomes of steps, or 'sequential'."
        )
    if not isinstance(solver.basis, str):
        return solver
    vector = layout.vector(state)
    is_of_positions = bool(layout.rebuilt) and _size(state.position) == vector.size
    basis = None
    if solver.basis == "jacobian":
        solver.jacobian.check(1, vector.size, vector.dtype.itemsize)
        first = jax.tree.map(lambda data: data[:PILOT_STEPS], keys)
        basis = _jacobian_basis(layout, solver.jacobian.n_parts, state, first)
    elif solver.basis == "hessian" and not is_of_positions:
        raise ValueError(
            "basis='hessian' is one of positions, and this algorithm's state is more than that: "
            "write basis='jacobian' or basis=None."
        )
    elif solver.basis == "hessian" or (
        is_of_positions
        and "logdensity_grad" in layout.rebuilt
        and solver.jacobian.uses_basis
        and vector.size <= _MAX_HESSIAN_DIM
    ):
        of_position = _LogDensity(layout.function, dataclasses.replace(layout, function=None))
        basis = hessian_basis(of_position, vector, solver.basis == "hessian")
    return dataclasses.replace(solver, basis=basis)


@dataclass(frozen=True)
class _LogDensity:
    """The algorithm's log density of a flat position, for `jit_of_function`."""

    function: Any
    layout: StateLayout

    def __call__(self, position: jax.Array) -> jax.Array:
        nothing_drawn = [None] * self.layout.is_float.count(False)
        return self.layout.assemble(position, nothing_drawn).logdensity


@jit_of_function(1)
def _jacobian_basis(layout: StateLayout, n_parts: int, state: Any, keys: StepKey) -> jax.Array:
    def advance(vector: jax.Array, key: StepKey) -> tuple[jax.Array, None]:
        state_before = layout.assemble(vector, layout.driven(state))
        return layout.vector(layout.step(key, state_before)[0]), None

    recursion = Recursion(carry=lambda v: v, advance=advance, state=lambda v: v)
    return jacobian_basis(recursion, layout.vector(state), keys, n_parts)


def _size(position: Any) -> int:
    return sum(jnp.size(leaf) for leaf in jax.tree.leaves(position))
