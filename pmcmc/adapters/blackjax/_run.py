"""BlackJAX's own loop over an algorithm, in parallel in time: draw for draw the same chain."""

import functools
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from blackjax.base import SamplingAlgorithm
from jax import lax

from pmcmc._chain import Segment
from pmcmc._checks import check_count
from pmcmc._evidence import Evidence
from pmcmc.adapters.blackjax._recursion import as_recursion, resolve
from pmcmc.adapters.blackjax._states import StateLayout, check_algorithm
from pmcmc.solvers import Auto, Outcome, Solver, Trajectories, as_solver

Transform = Callable[[Any, Any], Any]


class Run(NamedTuple):
    """The chain of an algorithm, and the evidence that it is the loop's.

    Args:
        final_state: the algorithm's state after the last step.
        history: `transform(state, info)` of each step, leaves with a leading axis of the steps, on
            the host.
        outcome: how it ended; an outcome names its `cause` and `remedy`.
        sweeps: parallel sweeps taken; 0 for the loop.
        work_per_step: evaluations of the algorithm's step per step of the chain: 1 for the loop.
        sequential_steps: steps taken one at a time.
        residual: largest difference between a state and the step from the one before it.
        scaled_residual: the same in units of the solver's tolerance, at most 1 if converged.
    """

    final_state: Any
    history: Any
    outcome: Outcome
    sweeps: int
    work_per_step: float
    sequential_steps: int
    residual: float
    scaled_residual: float

    @property
    def converged(self) -> bool:
        """Whether every step is finite and within tolerance."""
        return self.outcome <= Outcome.FINISHED_WITH_SEQUENTIAL_STEPS


def _state_and_info(state: Any, info: Any) -> tuple[Any, Any]:
    return state, info


def run_inference_algorithm(
    rng_key: jax.Array,
    inference_algorithm: SamplingAlgorithm,
    num_steps: int,
    initial_state: Any = None,
    initial_position: Any = None,
    transform: Transform = _state_and_info,
    *,
    solver: Solver | Auto | str = "auto",
) -> tuple[Any, Any]:
    """`blackjax.util.run_inference_algorithm`, with a solver for its loop.

    The keys are the same, `jax.random.split(rng_key, num_steps)`, and so is what comes back.

    Args:
        rng_key: a key of `jax.random`, typed or raw.
        inference_algorithm: its `step(rng_key, state)` must be a function of its arguments.
        num_steps: length of the chain.
        initial_state: the algorithm's state to start from, or else
        initial_position: a position to start from.
        transform: `(state, info) -> what to keep` of each step. Pass the same function again to
            use what has been compiled for it.
        solver: `"auto"`, `"sequential"`, `"quasi"`, `"jacobi"`, ..., or an instance.

    Returns:
        The final state, and what `transform` returned, leaves with a leading axis of the steps.

    Warns:
        UserWarning: the sweeps did not suffice and some steps were taken one at a time.

    Raises:
        ValueError: an argument cannot be used; the message says why and what to write.
        RuntimeError: the solver was told to stop early, or the chain is not finite.
    """
    if (initial_state is None) == (initial_position is None):
        given = "neither" if initial_state is None else "both"
        raise ValueError(
            f"one of initial_state and initial_position must be given, got {given}: write "
            "initial_position=jnp.zeros(2)."
        )
    check_algorithm(inference_algorithm)
    if initial_state is None:
        rng_key, init_key = jax.random.split(rng_key, 2)
        initial_state = inference_algorithm.init(initial_position, init_key)
    num_steps = check_count("num_steps", num_steps)
    run = sample_algorithm(
        inference_algorithm,
        initial_state,
        jax.random.split(rng_key, num_steps),
        transform=transform,
        solver=solver,
    )
    if not run.converged:
        raise RuntimeError(
            f"the chain was not found: {run.outcome.cause}; {run.outcome.remedy}. "
            "sample_algorithm returns what was found."
        )
    if run.outcome is Outcome.FINISHED_WITH_SEQUENTIAL_STEPS:
        warnings.warn(
            f"{run.sequential_steps} of {num_steps} steps were taken one at a time: "
            f"{run.outcome.remedy}.",
            stacklevel=2,
        )
    return run.final_state, run.history


def sample_algorithm(
    algorithm: SamplingAlgorithm,
    initial_state: Any,
    keys: jax.Array,
    *,
    transform: Transform = _state_and_info,
    solver: Solver | Auto | str = "auto",
) -> Run:
    """The chain `state_t, info_t = algorithm.step(keys[t], state_{t-1})`, and evidence for it.

    The state of the recursion is the state's floats; log density and gradient are rebuilt from the
    position. Keys and counters in a state (dynamic HMC) are followed first, in a loop that does
    nothing else, and must not depend on the floats.

    Args:
        algorithm: its `step(rng_key, state)` must be a function of its arguments. Its functions
            are what compiled code is found by: pass the same algorithm again.
        initial_state: the algorithm's.
        keys: one key a step, typed or raw.
        transform: `(state, info) -> what to keep` of each step.
        solver: as in `pmcmc.sample`; sweeps of `"jacobi"` and `"picard"` take no derivative of the
            step. A basis `"hessian"` (also `"auto"`, where there is a gradient) is found where
            the recursion is one of positions.

    Raises:
        ValueError: an argument cannot be used; the message says why and what to write.
    """
    check_algorithm(algorithm)
    n_steps = len(keys)
    check_count("len(keys)", n_steps)
    state = jax.tree.map(jnp.asarray, initial_state)
    layout = StateLayout.of(algorithm, state)
    vector = layout.vector(state)
    solver = as_solver(solver)
    if isinstance(solver, Auto):
        solver = solver.choose()
    solver = resolve(solver, layout, state, keys)
    length = solver.segment_length(n_steps, 1, vector.size, vector.dtype)

    evidence = Evidence.none(1)
    history = []
    for done in range(0, n_steps, length):
        size = min(length, n_steps - done)
        rows = keys[np.minimum(np.arange(done, done + length), n_steps - 1)]
        state, result, is_driven_by_keys = _advance(
            algorithm, transform, solver.segment(done, length), state, rows, np.int32(size)
        )
        if not is_driven_by_keys:
            raise ValueError(
                "keys and counters in the state must be a function of the step keys alone, but "
                f"those of {type(state).__name__} depend on its numbers: use BlackJAX's loop."
            )
        history.append(jax.tree.map(lambda leaf: _on_host(leaf[0, :size]), result.aux))  # noqa: B023
        report = jax.tree.map(np.asarray, result._replace(states=None, aux=None))
        last = result.states[:, size - 1]
        states = np.asarray(result.states[:, :size])
        evidence = evidence.add(Segment(states, {}, last, report))
    return Run(
        final_state=state,
        history=jax.tree.map(_joined, *history),
        outcome=Outcome(int(evidence.outcome[0])),
        sweeps=int(evidence.sweeps[0]),
        work_per_step=float(evidence.evaluations[0] / n_steps),
        sequential_steps=int(evidence.sequential_steps[0]),
        residual=float(evidence.residual[0]),
        scaled_residual=float(evidence.scaled_residual[0]),
    )


@functools.partial(jax.jit, static_argnums=(0, 1))
def _advance(
    algorithm: SamplingAlgorithm,
    transform: Transform,
    solver: Solver,
    state: Any,
    keys: jax.Array,
    n_steps: jax.Array,
) -> tuple[Any, Trajectories, jax.Array]:
    """The state after `n_steps`, all steps, and whether the keys alone drive keys and counters."""
    layout = StateLayout.of(algorithm, state)
    vector = layout.vector(state)

    def follow(driven: list[Any], key: jax.Array) -> tuple[list[Any], list[Any]]:
        # Only keys and counters come out, so that nothing else is computed.
        after = layout.driven(algorithm.step(key, layout.assemble(vector, driven))[0])
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
    kept, is_driven_by_keys = result.aux
    last = n_steps - 1
    final = layout.assemble(result.states[0, last], jax.tree.map(lambda leaf: leaf[last], after))
    is_step = jnp.arange(len(is_driven_by_keys[0])) < n_steps
    return final, result._replace(aux=kept), jnp.all(is_driven_by_keys[0] | ~is_step)


def _on_host(leaf: jax.Array) -> Any:
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return leaf if is_key else np.asarray(leaf)


def _joined(*leaves: Any) -> Any:
    join = np.concatenate if isinstance(leaves[0], np.ndarray) else jnp.concatenate
    return join(leaves)
