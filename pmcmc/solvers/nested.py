"""Steps that are recursions themselves: one after another, each parallel in time."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc._util.checks import short
from pmcmc.solvers.base import Solver, Tally, Trajectories
from pmcmc.solvers.recursion import Recursion, Stages
from pmcmc.solvers.region import Region
from pmcmc.solvers.setting import Setting


class Nested(Solver):
    """Take steps one after another, and the inner steps of each with a solver.

    The inner steps of HMC are its leapfrog steps. If a step has none, the solver evaluates the
    chain itself. Sweeps, steps taken one at a time, and residuals refer to the inner steps. Sweeps
    are not logged.

    Args:
        solver: solver for the inner steps, whose states are position and momentum, `2 * D` numbers;
            ideally `ParallelNewton(jacobian=DiagonalBlocks())`.

    Raises:
        ValueError: `solver` is not a solver, or takes its steps one at a time.
    """

    solver: Solver

    def __post_init__(self) -> None:
        # Pytrees are rebuilt with leaves of any kind.
        if isinstance(self.solver, str) or not getattr(self.solver, "is_parallel_in_time", True):
            raise ValueError(
                f"solver of Nested must sweep, got {short(self.solver)}: write "
                "Nested(ParallelNewton(jacobian=DiagonalBlocks()))."
            )

    def run(
        self, recursion: Recursion, s0: jax.Array, inputs: Any, n_steps: int | jax.Array
    ) -> Trajectories:
        if recursion.stages is None:
            return self.solver.run(recursion, s0, inputs, n_steps)
        return _run_stages(self.solver, recursion, recursion.stages, s0, inputs, n_steps)

    def prepare(self, setting: Setting) -> "Nested":
        return Nested(self.solver.prepare(setting.of_inner_steps()))

    @property
    def per_chain(self) -> Any:
        return self.solver.per_chain

    def describe(self) -> str:
        return f"Nested {self.solver.describe()}"

    @property
    def sweeps_inner_steps(self) -> bool:
        return True

    def for_derivatives(self) -> "Nested":
        return Nested(self.solver.for_derivatives())

    def tolerances(self, dtype: Any) -> tuple[Any, Any]:
        return self.solver.tolerances(dtype)

    def segment_length(self, n_steps: int, n_chains: int, dim: int, dtype: Any) -> int:
        return self.solver.segment_length(n_steps, n_chains, dim, dtype)


def _run_stages(
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
            time_axis=recursion.time_axis,
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
    nothing = jax.vmap(lambda _: Tally.empty(0, s0.dtype))(s0)
    loop = (carry, store, Region.nothing_like(stage), nothing)
    _, (states, aux), _, total = lax.fori_loop(0, jnp.int32(n_steps), body, loop)
    # Every step also evaluates its last stage, in `finish`.
    total = total._replace(
        evaluations=(total.evaluations + n_steps) / (stages.length + 1),
        calls=total.calls + jnp.asarray(n_steps, s0.dtype),
    )
    return Trajectories.of(states, aux, total)


def _add(total: Tally, run: Trajectories) -> Tally:
    return total._replace(
        sweeps=total.sweeps + run.sweeps,
        sequential_steps=total.sequential_steps + run.sequential_steps,
        evaluations=total.evaluations + run.evaluations,
        calls=total.calls + run.calls,
        products=total.products + run.products,
        residual=jnp.maximum(total.residual, run.residual),
        scaled_residual=jnp.maximum(total.scaled_residual, run.scaled_residual),
    )
