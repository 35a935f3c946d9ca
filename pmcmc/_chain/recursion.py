"""The chain of a kernel as a recursion for solvers."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc._chain.density import FlatLogDensity
from pmcmc._chain.problem import Problem
from pmcmc._util.checks import first_line
from pmcmc._util.jaxprs import Contents, contents_of
from pmcmc._util.keys import internal_key
from pmcmc._util.programs import memory_of
from pmcmc.kernels import Kernel
from pmcmc.solvers import Calls, Parts, Recursion, Stages

PROPOSAL = "proposal"  # name of the evaluated proposal in the info of a step, if requested


def as_recursion(
    logdensity: FlatLogDensity | None,
    kernel: Kernel,
    keeps_proposals: bool = False,
    time_axis: str | None = None,
) -> Recursion:
    """The chain of a kernel as a recursion of positions.

    Args:
        logdensity: of a flat position.
        kernel: for flat positions.
        keeps_proposals: whether the info of a step includes the proposal and its evaluation, as
            `PROPOSAL`, if the kernel has three parts.
        time_axis: axis of a mesh whose devices share the rows of a window, under `jax.shard_map`.
    """
    inner, parts = kernel.inner_steps(logdensity), kernel.parts()

    def described(state: Any, info: Any) -> tuple[Any, dict[str, Any]]:
        density = {} if state.logdensity is None else {"logdensity": state.logdensity}
        return state, {**info._asdict(), **density}

    def carry(position: jax.Array) -> Any:
        return kernel.init(logdensity, position)

    def decide(state: Any, proposal: Any, *given: Any) -> tuple[Any, dict[str, Any]]:
        assert parts is not None
        after, about = described(*parts.decide(state, proposal, *given))
        return after, {**about, PROPOSAL: proposal} if keeps_proposals else about

    def advance(state: Any, noise: Any) -> tuple[Any, dict[str, Any]]:
        if parts is None or not keeps_proposals:
            return described(*kernel.transition(logdensity, state, noise))
        proposal, kept = parts.propose(state, noise)
        return decide(state, parts.evaluate(logdensity, proposal), kept, noise)

    def evaluate(points: jax.Array) -> Any:
        assert parts is not None
        return jax.vmap(lambda point: parts.evaluate(logdensity, point))(points)

    stages, in_parts = None, None
    if inner is not None:
        stages = Stages(*inner[:3], lambda *end: described(*inner.finish(*end)))
    if parts is not None:
        in_parts = Parts(
            propose=parts.propose,
            evaluate=evaluate if time_axis is None else shared(evaluate, time_axis),
            predict=parts.evaluate,
            decide=decide,
            proposes_from_state=parts.proposes_from_position,
        )
    n_calls = 0.0 if logdensity is None else kernel.evaluations_per_step()
    return Recursion(
        carry=carry,
        advance=advance,
        state=lambda state: state.position,
        stages=stages,
        parts=in_parts,
        calls=Calls(min(n_calls, 1.0), n_calls),
        is_chain=True,
        time_axis=time_axis,
    )


def shared(evaluate: Callable[[jax.Array], Any], axis: str) -> Callable[[jax.Array], Any]:
    """A function of points `(W, D)`, each device of a mesh axis evaluating a part of them."""

    def evaluate_part(points: jax.Array) -> Any:
        n_devices = int(lax.psum(1, axis))
        n = -(-len(points) // n_devices)
        # A device without points of its own repeats the last ones.
        own = jnp.minimum(lax.axis_index(axis) * n + jnp.arange(n), len(points) - 1)
        rows = lax.all_gather(evaluate(points[own]), axis, tiled=True)
        return jax.tree.map(lambda x: x[: len(points)], rows)

    return evaluate_part


def contents_of_step(problem: Problem, kernel: Kernel, is_batch: bool) -> Contents:
    """The contents of a traced step, or of a batch of steps."""
    position = problem.positions[0]
    recursion = as_recursion(problem.logdensity, kernel)

    def step(position: jax.Array, rng_key: jax.Array) -> Any:
        return recursion.step(position, kernel.draw_noise(rng_key, position))

    known = memory_of(problem.logdensity, contents_of_step)
    kind = (jax.tree.structure(kernel), position.shape, position.dtype, is_batch)
    if kind not in known:
        together = jax.vmap(step, (0, None)) if is_batch else step
        shape = (2, *position.shape) if is_batch else position.shape
        start = jax.ShapeDtypeStruct(shape, position.dtype)
        known[kind] = contents_of(jax.make_jaxpr(together)(start, internal_key(0)))
    found: Contents = known[kind]
    return found


def check_linearizable(problem: Problem, kernel: Kernel) -> None:
    """Check that sweeps can differentiate a step.

    Raises:
        ValueError: they cannot.
    """
    position = problem.positions[0]
    recursion = as_recursion(problem.logdensity, kernel)

    def derivative(position: jax.Array, rng_key: jax.Array) -> Any:
        noise = kernel.draw_noise(rng_key, position)
        return jax.jvp(lambda x: recursion.step(x, noise)[0], (position,), (position,))

    try:
        # Batched, as in sweeps: some users' rules lack only that.
        jax.eval_shape(jax.vmap(derivative, (0, None)), position[None], internal_key(0))
    except Exception as error:
        raise ValueError(
            "parallel sweeps differentiate a step, and with it the gradient of the log density, in "
            f"forward mode, which JAX cannot do here ({first_line(error)}): write "
            "solver='sequential'."
        ) from error
