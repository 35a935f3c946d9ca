"""The loop."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc.solvers.base import Solver, Tally, Trajectories
from pmcmc.solvers.recursion import Recursion

_SEGMENT_NUMBERS = 2**20  # 8 MiB of float64 states: more would cost more in memory than in calls
_SEGMENT_STEPS = 8192  # enough to make the cost of a call invisible for the cheapest densities


class Sequential(Solver):
    """Take the steps one at a time: the chain that every other solver reproduces."""

    is_parallel_in_time = False

    def run(
        self, recursion: Recursion, s0: jax.Array, inputs: Any, n_steps: int | jax.Array
    ) -> Trajectories:
        n_chains, length = jax.tree.leaves(inputs)[0].shape[:2]

        def advance(carry: Any, t: jax.Array) -> tuple[Any, Any]:
            carry, aux = jax.vmap(recursion.advance)(carry, jax.tree.map(lambda u: u[:, t], inputs))
            return carry, (jax.vmap(recursion.state)(carry), aux)

        def body(t: jax.Array, loop: tuple[Any, Any]) -> tuple[Any, Any]:
            carry, store = loop
            carry, row = advance(carry, t)
            return carry, jax.tree.map(lambda out, new: out.at[t].set(new), store, row)

        carry = jax.vmap(recursion.carry)(s0)
        row = jax.eval_shape(advance, carry, jnp.int32(0))[1]
        store = jax.tree.map(lambda leaf: jnp.zeros((length, *leaf.shape), leaf.dtype), row)
        _, store = lax.fori_loop(0, n_steps, body, (carry, store))
        states, aux = jax.tree.map(lambda out: jnp.swapaxes(out, 0, 1), store)
        tally = jax.vmap(lambda _: Tally.empty(0, s0.dtype))(s0)
        taken = jnp.full(n_chains, n_steps, jnp.int32)
        calls = recursion.calls.carry + taken.astype(s0.dtype) * recursion.calls.advance
        tally = tally._replace(sequential_steps=taken, evaluations=taken, calls=calls)
        return Trajectories.of(states, aux, tally)

    def segment_length(self, n_steps: int, n_chains: int, dim: int, dtype: Any) -> int:
        return max(256, min(_SEGMENT_STEPS, _SEGMENT_NUMBERS // (n_chains * dim)))

    def tolerances(self, dtype: Any) -> tuple[float, float]:
        return 0.0, 0.0
