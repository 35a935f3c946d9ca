"""A recursion whose steps are recursions: one step after another, each parallel in time."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc.solvers.base import Recursion, Solver, Stages, SweepLog, Trajectories
from pmcmc.solvers.region import Region


def run_stages(
    solver: Solver,
    recursion: Recursion,
    stages: Stages,
    s0: jax.Array,
    inputs: Any,
    n_steps: int | jax.Array,
) -> Trajectories:
    """Evaluate the recursion step by step, and its stages by the solver; see `Solver.run`.

    Sweeps, steps taken one at a time, and residuals are those of the stages. Sweeps stay in the
    region that the stages of all steps so far have seen.
    """
    n_chains = s0.shape[0]
    length = jax.tree.leaves(inputs)[0].shape[1]
    index = jnp.arange(stages.length, dtype=jnp.int32)
    index = jnp.broadcast_to(index, (n_chains, stages.length))

    def body(t: jax.Array, loop: tuple[Any, ...]) -> tuple[Any, ...]:
        carry, store, region, total = loop
        u = jax.tree.map(lambda rows: rows[:, t], inputs)
        # The input belongs to all stages of a step.
        inner = Recursion(
            carry=lambda state: state,
            advance=lambda state, i: (stages.step(state, *i), None),
            state=lambda state: state,
            is_chain=recursion.is_chain,
            seen=region,
        )
        shared = jax.tree.map(
            lambda x: jnp.broadcast_to(x[:, None], (n_chains, stages.length, *x.shape[1:])), u
        )
        run = solver.run(inner, jax.vmap(stages.start)(carry, u), (shared, index), stages.length)
        carry, aux = jax.vmap(stages.finish)(carry, u, run.states[:, -1])
        rows = (jax.vmap(recursion.state)(carry), aux)
        store = jax.tree.map(lambda out, new: out.at[:, t].set(new), store, rows)
        region = jax.vmap(lambda seen, states: seen.include(states))(region, run.states)
        return carry, store, region, _add(total, run)

    first = jax.tree.map(lambda u: u[:, 0], inputs)
    row = jax.eval_shape(recursion.step, *jax.tree.map(lambda x: x[0], (s0, first)))
    store = jax.tree.map(lambda x: jnp.zeros((n_chains, length, *x.shape), x.dtype), row)
    carry = jax.vmap(recursion.carry)(s0)
    stage = jax.eval_shape(jax.vmap(stages.start), carry, first)
    loop = (carry, store, Region.nothing_like(stage), _nothing(s0))
    _, (states, aux), _, total = lax.fori_loop(0, jnp.int32(n_steps), body, loop)
    # Every step also evaluates its last stage, in `finish`.
    evaluations = (total.evaluations + n_steps) / (stages.length + 1)
    return total._replace(states=states, aux=aux, evaluations=evaluations)


def _nothing(s0: jax.Array) -> Trajectories:
    zero = jnp.zeros(len(s0), s0.dtype)
    count = zero.astype(jnp.int32)
    trace = jax.vmap(lambda _: SweepLog.empty(0, s0.dtype))(zero)
    return Trajectories(s0[:, :0], None, count, count, count, zero, zero, trace)


def _add(total: Trajectories, run: Trajectories) -> Trajectories:
    return total._replace(
        sweeps=total.sweeps + run.sweeps,
        sequential_steps=total.sequential_steps + run.sequential_steps,
        evaluations=total.evaluations + run.evaluations,
        residual=jnp.maximum(total.residual, run.residual),
        scaled_residual=jnp.maximum(total.scaled_residual, run.scaled_residual),
    )
