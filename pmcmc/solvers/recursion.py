"""A recursion in the forms that solvers need."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from pmcmc.solvers.region import Region


class Stages(NamedTuple):
    """A step that is a recursion itself, such as a trajectory of leapfrog steps.

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
    """A step in three parts, of which only `evaluate` is expensive.

    Args:
        propose: `(carry, input) -> (point, kept)`, shape `(D,)`, and what else the decision needs.
        evaluate: from points `(W, D)` to what is known of them, leading axis `W`.
        predict: `(surrogate, point)` to the same of one point, as a surrogate has it.
        decide: `(carry, evaluated point, kept, input) -> (carry, aux)`.
        proposes_from_state: whether `propose` reads nothing of what is carried but the state.
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
        """Of a step from the bare state."""
        return self.carry + self.advance


class Recursion(NamedTuple):
    """The recursion `s_t = f(s_{t-1}, u_t)`, in the form a loop likes and the form sweeps like.

    A loop carries along whatever saves work in the next step (a gradient, say); a parallel sweep
    starts every step from the bare state. Both forms must give the same states.

    Args:
        carry: from a state, shape `(D,)`, to what a loop carries.
        advance: `(carry, input) -> (carry, aux)`, with `aux` a pytree that describes the step.
        state: from what a loop carries back to the state.
        stages: `advance` as a recursion of its own, where it is one.
        parts: `advance` in three parts, where it has them.
        calls: of the expensive function, by a step.
        is_chain: whether steps are moves of a Markov chain: residuals are then judged by the size
            of the moves too, and sweeps stay in the region that the chain has seen.
        seen: that region so far, with a leading chain axis, or `None` where nothing is known.
        time_axis: of a mesh, under `jax.shard_map`, over whose devices the rows of a window may be
            spread; `None` for one device.
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
