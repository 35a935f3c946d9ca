"""BlackJAX's own loop over an algorithm, in parallel in time: draw for draw the same chain."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from blackjax.base import SamplingAlgorithm

from pmcmc._util.callers import warn_user
from pmcmc._util.checks import check_count
from pmcmc._util.keys import check_key, check_keys
from pmcmc.adapters.blackjax._advance import Transform, Verdict, advance
from pmcmc.adapters.blackjax._host import is_traced, joined, nan_unless, on_host
from pmcmc.adapters.blackjax._recursion import AlgorithmSetting
from pmcmc.adapters.blackjax._states import StateLayout, check_algorithm
from pmcmc.adapters.blackjax._step_key import StepKey
from pmcmc.solvers import Auto, Outcome, Sequential, Solver, as_solver


class Run(NamedTuple):
    """The chain of an algorithm, and the evidence that it is the loop's.

    Under `jax.jit` and `jax.vmap` everything is a JAX array. The outcome is then an integer, and it
    is the only sign of a chain that did not converge, which raises an error elsewhere.

    Args:
        final_state: the algorithm's state after the last step.
        history: `transform(state, info)` of each step, leaves with a leading axis of the steps, on
            the host.
        outcome: how it ended; an outcome has a `cause` and a `remedy`.
        sweeps: number of parallel sweeps; 0 for the loop.
        work_per_step: evaluations of the algorithm's step per step of the chain: 1 for the loop.
        sequential_steps: number of steps taken one at a time.
        residual: largest difference between a state and the step from the previous one.
        scaled_residual: the same in units of the solver's tolerance, at most 1 if converged.
    """

    final_state: Any
    history: Any
    outcome: Any
    sweeps: Any
    work_per_step: Any
    sequential_steps: Any
    residual: Any
    scaled_residual: Any

    @property
    def converged(self) -> Any:
        """Whether every step is finite and within tolerance."""
        return self.outcome <= Outcome.FINISHED_WITH_SEQUENTIAL_STEPS


def _state_and_info(state: Any, info: Any) -> tuple[Any, Any]:
    return state, info


def run_inference_algorithm(
    rng_key: jax.Array | int,
    inference_algorithm: SamplingAlgorithm,
    num_steps: int,
    initial_state: Any = None,
    initial_position: Any = None,
    transform: Transform = _state_and_info,
    *,
    solver: Solver | Auto | str = "auto",
) -> tuple[Any, Any]:
    """`blackjax.util.run_inference_algorithm`, with a solver for its loop.

    The keys are the same, `jax.random.split(rng_key, num_steps)`, and so is the result. It works
    under `jax.jit` and `jax.vmap`, BlackJAX's way to run many chains, and everything then stays on
    the device. It cannot warn or raise there: if a chain was not found, all of its floats are NaN.

    Args:
        rng_key: a key of `jax.random`, typed or raw, or an integer seed.
        inference_algorithm: its `step(rng_key, state)` must depend only on its arguments.
        num_steps: length of the chain.
        initial_state: the algorithm's state to start from, or else
        initial_position: a position to start from.
        transform: `(state, info) -> what to keep` of each step. Pass the same function again to
            reuse its compiled code.
        solver: `"auto"`, `"sequential"`, `"quasi"`, `"jacobi"`, ..., or an instance.

    Returns:
        The final state, and the results of `transform`, whose leaves have a leading axis of steps.

    Warns:
        UserWarning: sweeps were not enough, and some steps were taken one at a time.

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
    check_count("num_steps", num_steps)
    key = StepKey.of(check_key(rng_key))
    if initial_state is None:
        key, init_key = key.split(2).rows()
        initial_state = init_key.use(
            lambda key, position: inference_algorithm.init(position, key), initial_position
        )
    keys = key.split(num_steps).key
    run = sample_algorithm(
        inference_algorithm, initial_state, keys, transform=transform, solver=solver
    )
    if not isinstance(run.outcome, Outcome):
        return nan_unless(run.converged, (run.final_state, run.history))
    if not run.converged:
        raise RuntimeError(
            f"the chain was not found: {run.outcome.cause}; {run.outcome.remedy}. "
            "sample_algorithm returns what was found."
        )
    if run.outcome is Outcome.FINISHED_WITH_SEQUENTIAL_STEPS:
        warn_user(
            f"{run.sequential_steps} of {num_steps} steps were taken one at a time: "
            f"{run.outcome.remedy}."
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

    The recursion runs over the floats of the state; log density and gradient are recomputed from
    the position. Keys and counters in a state (dynamic HMC) are followed first, in a separate loop,
    and must not depend on the floats.

    Args:
        algorithm: its `step(rng_key, state)` must depend only on its arguments. Pass the same
            algorithm again to reuse its compiled code.
        initial_state: the algorithm's.
        keys: one key per step, typed or raw.
        transform: `(state, info) -> what to keep` of each step.
        solver: as in `pmcmc.sample`; sweeps of `"jacobi"` and `"picard"` take no derivative of the
            step. A basis `"hessian"` (also `"auto"`, where there is a gradient) is found where
            the recursion is one of positions.

    Raises:
        ValueError: an argument cannot be used; the message says why and what to write.
    """
    check_algorithm(algorithm)
    step_keys = StepKey.of(check_keys(keys))
    state = jax.tree.map(jnp.asarray, initial_state)
    layout = StateLayout.of(algorithm, state)
    vector = layout.vector(state)
    solver = as_solver(solver)
    if isinstance(solver, Auto):
        # A sweep would process such keys one after another.
        solver = solver.choose() if step_keys.is_batched_faithfully else Sequential()
    solver = solver.prepare(AlgorithmSetting(layout, state, step_keys))
    length = len(
        step_keys.data
    )  # inside another program the whole chain stays on the device anyway
    if not is_traced((state, step_keys)):
        length = solver.segment_length(length, 1, vector.size, vector.dtype)
    return _in_segments(layout, transform, solver, state, step_keys, length)


def _in_segments(
    layout: StateLayout,
    transform: Transform,
    solver: Solver,
    state: Any,
    keys: StepKey,
    length: int,
) -> Run:
    """The chain, in segments of `length` steps per program."""
    n_steps = len(keys.data)
    verdict = Verdict.of_nothing(layout.vector(state).dtype)
    history = []
    for done in range(0, n_steps, length):
        size = min(length, n_steps - done)
        steps = np.minimum(np.arange(done, done + length), n_steps - 1)
        state, kept, verdict = advance(
            layout,
            transform,
            solver.segment(done, length),
            state,
            StepKey(keys.data[steps], keys.implementation),
            np.int32(size),
            verdict,
        )
        history.append(jax.tree.map(lambda leaf: on_host(leaf[:size]), kept))  # noqa: B023
    run = Run(
        final_state=state,
        history=jax.tree.map(joined, *history),
        outcome=verdict.outcome,
        sweeps=verdict.sweeps,
        work_per_step=verdict.evaluations / n_steps,
        sequential_steps=verdict.sequential_steps,
        residual=verdict.residual,
        scaled_residual=verdict.scaled_residual,
    )
    return _judged(run, verdict.is_driven_by_keys)


def _judged(run: Run, is_driven_by_keys: jax.Array) -> Run:
    """The run with Python numbers; inside another program, which cannot raise errors, arrays.

    Raises:
        ValueError: keys or counters in the state depend on its numbers.
    """
    if is_traced((run, is_driven_by_keys)):
        outcome = jnp.where(is_driven_by_keys, run.outcome, int(Outcome.NOT_FINITE))
        return run._replace(outcome=outcome)
    if not is_driven_by_keys:
        raise ValueError(
            "keys and counters in the state must be a function of the step keys alone, but "
            f"those of {type(run.final_state).__name__} depend on its numbers: use BlackJAX's loop."
        )
    return run._replace(
        outcome=Outcome(int(run.outcome)),
        sweeps=int(run.sweeps),
        work_per_step=float(run.work_per_step),
        sequential_steps=int(run.sequential_steps),
        residual=float(run.residual),
        scaled_residual=float(run.scaled_residual),
    )
