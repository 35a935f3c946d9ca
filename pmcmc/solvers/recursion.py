"""A recursion in the forms that solvers need."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from pmcmc.solvers.region import Region


class Stages(NamedTuple):
    """A step that is itself a recursion, such as a trajectory of leapfrog steps.

    The state of the inner recursion has two halves, such as position and momentum.

    Args:
        length: number of inner steps.
        start: `(carry, input) -> inner state`, shape `(2 * D,)`.
        step: `(inner state, input, index) -> inner state`.
        finish: `(carry, input, inner state) -> (carry, aux)`.
    """

    length: int
    start: Callable[[Any, Any], jax.Array]
    step: Callable[[jax.Array, Any, jax.Array], jax.Array]
    finish: Callable[[Any, Any, jax.Array], tuple[Any, Any]]


class Parts(NamedTuple):
    """A step in three parts, only one of which, `evaluate`, is expensive.

    Args:
        propose: `(carry, input) -> (point, kept)`, a point `(D,)` and anything else that the
            decision needs.
        evaluate: from points `(W, D)` to their evaluations, with leading axis `W`.
        predict: `(surrogate, point)` to the surrogate's version of one evaluation.
        decide: `(carry, evaluated point, kept, input) -> (carry, aux)`.
        proposes_from_state: whether `propose` reads only the state from what is carried.
    """

    propose: Callable[[Any, Any], tuple[jax.Array, Any]]
    evaluate: Callable[[jax.Array], Any]
    predict: Callable[[Any, jax.Array], Any]
    decide: Callable[[Any, Any, Any, Any], tuple[Any, Any]]
    proposes_from_state: bool


class Calls(NamedTuple):
    """How often the parts of a step call the expensive function (a log density, say)."""

    carry: float = 0.0
    advance: float = 1.0

    @property
    def step(self) -> float:
        """Calls of a step from the bare state."""
        return self.carry + self.advance


class Recursion(NamedTuple):
    """The recursion `s_t = f(s_{t-1}, u_t)`, in one form for a loop and one form for sweeps.

    A loop carries along anything that saves work in the next step (such as a gradient). A parallel
    sweep starts every step from the bare state. Both forms must give the same states.

    Args:
        carry: from a state, shape `(D,)`, to what a loop carries.
        advance: `(carry, input) -> (carry, aux)`, with `aux` a pytree that describes the step.
        state: from what a loop carries back to the state.
        stages: `advance` as a recursion of its own, if it is one.
        parts: `advance` in three parts, if it has them.
        calls: number of calls of the expensive function in a step.
        is_chain: whether steps are moves of a Markov chain: residuals are then judged by the size
            of the moves too, and sweeps stay in the region that the chain has seen.
        seen: that region so far, with a leading chain axis, or `None` if it is unknown.
        time_axis: axis of a mesh, under `jax.shard_map`, over whose devices the steps of a window
            may be distributed; `None` for one device.
    """

    carry: Callable[[jax.Array], Any]
    advance: Callable[[Any, Any], tuple[Any, Any]]
    state: Callable[[Any], jax.Array]
    stages: Stages | None = None
    parts: Parts | None = None
    calls: Calls = Calls()
    is_chain: bool = False
    seen: Region | None = None
    time_axis: str | None = None

    def step(self, state: jax.Array, inputs: Any) -> tuple[jax.Array, Any]:
        """One step from the bare state: `(next state, aux)`."""
        carry, aux = self.advance(self.carry(state), inputs)
        return self.state(carry), aux
