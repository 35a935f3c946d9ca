"""The chain of a BlackJAX algorithm as a recursion, with a prepared solver."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from pmcmc._chain.basis import hessian_basis
from pmcmc._util.programs import jit_of_function
from pmcmc.adapters.blackjax._compat import GRADIENT, is_slice_state
from pmcmc.adapters.blackjax._states import StateLayout
from pmcmc.adapters.blackjax._step_key import StepKey
from pmcmc.solvers import Recursion, ScaledIdentity, Structure, Zero
from pmcmc.solvers.newton.bases import PILOT_STEPS, jacobian_basis
from pmcmc.solvers.setting import Setting

_MAX_HESSIAN_DIM = 1000


def as_recursion(
    layout: StateLayout, transform: Callable[[Any, Any], Any], driven: list[Any]
) -> Recursion:
    """The recursion; an input is a `StepKey`, and keys and counters of the state before and after.

    Args:
        layout: layout of the states.
        transform: `(state, info) -> what to keep`.
        driven: example keys and counters; those of the input replace them.
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
        is_chain=True,
    )


class AlgorithmSetting(Setting):
    """The chain of an algorithm.

    Args:
        layout: of its states.
        state: the start.
        keys: of the steps.
    """

    def __init__(self, layout: StateLayout, state: Any, keys: StepKey) -> None:
        self._layout, self._state, self._keys = layout, state, keys

    def check(self, structure: Structure) -> None:
        if is_slice_state(self._state) and structure not in (Zero(), ScaledIdentity(0.0)):
            raise ValueError(
                "elliptical slice sampling shrinks its slice until a draw is found, which may "
                "never end at the iterates of this solver: write solver='jacobi', whose iterates "
                "are results of steps, or 'sequential'."
            )

    def flatten(self, states: Any) -> jax.Array:
        return jnp.asarray(states)

    def basis(self, name: str, structure: Structure) -> jax.Array | None:
        layout, vector = self._layout, self._layout.vector(self._state)
        if name == "jacobian":
            structure.check(1, vector.size, vector.dtype.itemsize)
            first = jax.tree.map(lambda data: data[:PILOT_STEPS], self._keys)
            return _jacobian_basis(layout, structure.n_parts, self._state, first)
        is_of_positions = bool(layout.rebuilt) and _size(self._state.position) == vector.size
        if name == "hessian" and not is_of_positions:
            raise ValueError(
                "basis='hessian' is for positions, but the state of this algorithm holds more: "
                "write basis='jacobian' or basis=None."
            )
        has_gradient = is_of_positions and GRADIENT in layout.rebuilt
        is_small = structure.uses_basis and vector.size <= _MAX_HESSIAN_DIM
        if name == "auto" and not (has_gradient and is_small):
            return None
        of_position = _LogDensity(layout.function, dataclasses.replace(layout, function=None))
        return hessian_basis(of_position, vector, name == "hessian")


@dataclass(frozen=True)
class _LogDensity:
    """The algorithm's log density as a function of a flat position, for `jit_of_function`."""

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
