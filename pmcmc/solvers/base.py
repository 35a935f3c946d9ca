"""What a solver is given and what it returns: a recursion, and its trajectories."""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Recursion(NamedTuple):
    """The recursion `s_t = f(s_{t-1}, u_t)`, in the form a loop likes and the form sweeps like.

    A loop carries along whatever saves work in the next step (a gradient, say); a parallel sweep
    starts every step from the bare state. Both forms must give the same states.

    Args:
        carry: from a state, shape `(D,)`, to what a loop carries.
        advance: `(carry, input) -> (carry, aux)`, with `aux` a pytree that describes the step.
        state: from what a loop carries back to the state.
    """

    carry: Callable[[jax.Array], Any]
    advance: Callable[[Any, Any], tuple[Any, Any]]
    state: Callable[[Any], jax.Array]

    def step(self, state: jax.Array, inputs: Any) -> tuple[jax.Array, Any]:
        """One step from the bare state: `(next state, aux)`."""
        carry, aux = self.advance(self.carry(state), inputs)
        return self.state(carry), aux


class Trace(NamedTuple):
    """What each of the first sweeps saw, shape `(chain, sweep)`.

    Args:
        residual: largest `|s_t - f(s_{t-1})|` over the window before the sweep, NaN where the
            chain took no such sweep.
        finished: number of finished steps after the sweep, -1 where there was none.
    """

    residual: jax.Array
    finished: jax.Array

    @classmethod
    def empty(cls, n_chains: int, length: int, dtype: Any) -> "Trace":
        shape = (n_chains, length)
        return cls(jnp.full(shape, jnp.nan, dtype), jnp.full(shape, -1, jnp.int32))

    def record(self, sweep: jax.Array, residual: jax.Array, finished: jax.Array) -> "Trace":
        """The trace of one chain with a sweep recorded, if there is room for it."""
        if not self.residual.size:
            return self
        return Trace(
            self.residual.at[sweep].set(residual, mode="drop"),
            self.finished.at[sweep].set(finished, mode="drop"),
        )


class Trajectories(NamedTuple):
    """States of a batch of chains, and the evidence that they solve the recursion.

    Args:
        states: shape `(chain, length, D)`; rows from `n_steps` on carry no meaning. A chain that
            runs into NaN has NaN from there on.
        aux: the pytree of the steps, leading axes `(chain, length)`.
        sweeps: parallel sweeps that each chain took.
        sequential_steps: steps that each chain took one at a time.
        evaluations: of the map that went into the chain. In a batch, a device also evaluates the
            windows of finished chains until the last one is finished.
        residual: largest `|s_t - f(s_{t-1})|` over steps and coordinates, per chain.
        scaled_residual: the same in units of the solver's tolerance, per chain.
        trace: of the first sweeps, as many as were asked for.
    """

    states: jax.Array
    aux: Any
    sweeps: jax.Array
    sequential_steps: jax.Array
    evaluations: jax.Array
    residual: jax.Array
    scaled_residual: jax.Array
    trace: Trace


class Solver(abc.ABC):
    """A way to evaluate a recursion: a frozen dataclass registered as a pytree."""

    @abc.abstractmethod
    def run(
        self, recursion: Recursion, s0: jax.Array, inputs: Any, n_steps: int | jax.Array
    ) -> Trajectories:
        """Evaluate the recursion of each chain of a batch.

        Args:
            recursion: the map of one step of one chain.
            s0: starts, shape `(chain, D)`.
            inputs: pytree with leading axes `(chain, length)`.
            n_steps: number of steps to evaluate, at most `length`. It is traced: another number
                does not recompile.
        """

    @abc.abstractmethod
    def segment_length(self, n_steps: int, state_size: int) -> int:
        """How many of `n_steps` to evaluate at once, so that working memory stays bounded.

        Args:
            n_steps: length of the whole chain.
            state_size: numbers in the states of all chains at one time.
        """

    @abc.abstractmethod
    def tolerances(self, dtype: Any) -> tuple[float | jax.Array, float | jax.Array]:
        """`(atol, rtol)` for states of this dtype: residuals are at most `atol + rtol * |s_t|`."""
