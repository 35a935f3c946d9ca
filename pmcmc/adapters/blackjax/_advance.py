"""Takes steps of a BlackJAX algorithm with a solver, and judges them, in one program."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc._util.programs import jit_of_function
from pmcmc.adapters.blackjax._recursion import as_recursion
from pmcmc.adapters.blackjax._states import StateLayout
from pmcmc.adapters.blackjax._step_key import StepKey
from pmcmc.solvers import Outcome, Solver, Trajectories

Transform = Callable[[Any, Any], Any]


class Verdict(NamedTuple):
    """The evidence for all steps so far, as scalars; `Run` explains the fields.

    Args:
        is_driven_by_keys: whether keys and counters in the states depend only on the step keys.
    """

    outcome: jax.Array
    sweeps: jax.Array
    evaluations: jax.Array
    sequential_steps: jax.Array
    residual: jax.Array
    scaled_residual: jax.Array
    is_driven_by_keys: jax.Array

    @classmethod
    def of_nothing(cls, dtype: Any) -> "Verdict":
        """The verdict before the first step."""
        count, zero = jnp.int32(0), jnp.zeros((), dtype)
        # The number of evaluations would overflow a 32-bit integer.
        return cls(count, count, jnp.zeros((), float), count, zero, zero, jnp.bool_(True))

    def add(self, result: Trajectories, is_step: jax.Array, is_driven: jax.Array) -> "Verdict":
        """The verdict including the steps of one more call to the solver, for one chain."""
        is_finite = jnp.all(jnp.isfinite(result.states[0]) | ~is_step[:, None])
        of_call = jax.tree.map(lambda leaf: leaf[0], result)
        return Verdict(
            outcome=jnp.maximum(self.outcome, Outcome.of(of_call, is_finite)),
            sweeps=self.sweeps + of_call.sweeps,
            evaluations=self.evaluations + of_call.evaluations.astype(self.evaluations.dtype),
            sequential_steps=self.sequential_steps + of_call.sequential_steps,
            residual=jnp.maximum(self.residual, jnp.where(is_finite, of_call.residual, jnp.inf)),
            scaled_residual=jnp.maximum(
                self.scaled_residual, jnp.where(is_finite, of_call.scaled_residual, jnp.inf)
            ),
            is_driven_by_keys=self.is_driven_by_keys & jnp.all(is_driven | ~is_step),
        )


@jit_of_function(1)
def advance(
    layout: StateLayout,
    transform: Transform,
    solver: Solver,
    state: Any,
    keys: StepKey,
    n_steps: jax.Array,
    verdict: Verdict,
) -> tuple[Any, Any, Verdict]:
    """The state after `n_steps`, what is kept of these steps, and the verdict including them."""
    vector = layout.vector(state)

    def follow(driven: list[Any], key: StepKey) -> tuple[list[Any], list[Any]]:
        # Only keys and counters are returned, so nothing else is computed.
        after = layout.driven(layout.step(key, layout.assemble(vector, driven))[0])
        return after, after

    _, after = lax.scan(follow, layout.driven(state), keys)
    before = jax.tree.map(
        lambda first, rest: jnp.concatenate([jnp.asarray(first)[None], rest[:-1]]),
        layout.driven(state),
        after,
    )
    inputs = jax.tree.map(lambda leaf: leaf[None], (keys, before, after))
    recursion = as_recursion(layout, transform, layout.driven(state))
    result = solver.run(recursion, vector[None], inputs, n_steps)
    kept, is_driven = result.aux
    last = n_steps - 1
    final = layout.assemble(result.states[0, last], jax.tree.map(lambda leaf: leaf[last], after))
    is_step = jnp.arange(len(is_driven[0]), dtype=jnp.int32) < n_steps
    history = jax.tree.map(lambda leaf: leaf[0], kept)
    return final, history, verdict.add(result, is_step, is_driven[0])
