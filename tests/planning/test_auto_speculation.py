"""`"auto"` takes speculation where it is measured to be faster, and says what it saw."""

import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._arguments import as_task
from pmcmc._planning.choice import Candidate, Measurements, choose
from pmcmc._planning.pilot import measure

SPECULATION = pmcmc.Speculative(surrogate=lambda x: -jnp.sum(x**2), window=64)


def tried(seconds_per_step):
    return Candidate("speculation, window 64", SPECULATION, seconds_per_step, 1e-3, 0.03, 1.2)


@pytest.mark.parametrize(
    ("measurements", "is_taken", "reason"),
    [
        # Batches that gain too little for Newton sweeps are enough for speculation.
        (Measurements(1.0, {64: 0.5}, candidates=(tried(0.6),)), True, "1.7 times as fast"),
        (Measurements(1.0, {64: 0.5}, candidates=(tried(0.95),)), False, "costs 2 times less"),
        (Measurements(1.0, {64: 0.1}, 0.1, candidates=(tried(0.3),)), True, "3.3 times as fast"),
        (Measurements(1.0, {64: 0.1}, 0.1, candidates=(tried(3.0),)), False, "does not forget"),
    ],
)
def test_the_choice_is_a_function_of_the_measurements(measurements, is_taken, reason):
    solver, text = choose(measurements)
    assert (solver is SPECULATION) == is_taken
    assert reason in text


@pytest.mark.parametrize(
    ("loop", "batch", "n_chains", "share", "may_win"),
    [
        (1e-3, {64: 1e-4}, 1, 1.0, True),
        (1e-3, {64: 8e-4}, 1, 1.0, False),
        (1e-3, {64: 8e-4}, 1, 0.5, True),  # half of a step from the bare state
        (1e-3, {}, 1, 1.0, False),
        (2e-6, {64: 1e-8}, 1, 1.0, False),  # prediction takes longer than the loop
        (1e-5, {64: 1e-8}, 16, 1.0, False),
    ],
)
def test_where_speculation_may_win(loop, batch, n_chains, share, may_win):
    assert Measurements(loop, batch).speculation_may_win(64, n_chains, share) == may_win


def nearly_normal(x):
    return -0.5 * jnp.sum(x**2) + 0.1 * jnp.sin(x[0])


def test_the_pilot_fits_a_surrogate_and_tries_it():
    kernel = pmcmc.RandomWalkMetropolis(1.0)
    # Of a loop that is said to take a second a step.
    task = as_task(nearly_normal, np.zeros((2, 3)), kernel, 2, 0, None)
    plan = measure(task, task.kernel, task.problem.positions, task.rng_key, 0, 1.0, np.inf)
    (candidate, *_) = plan.measurements.candidates
    assert candidate.name == "speculation, window 64"
    assert isinstance(candidate.solver, pmcmc.Speculative)
    assert candidate.solver.surrogate.degree in (2, 3, 4, 6)
    assert candidate.work_per_step < 3
    run, loop = (
        pmcmc.sample(nearly_normal, np.zeros((2, 3)), 200, kernel=kernel, n_chains=2, solver=solver)
        for solver in (candidate.solver, "sequential")
    )
    assert (run.positions == loop.positions).all()
    assert run.info.residual.max() == 0


def test_kernels_without_three_parts_are_not_speculated_about():
    task = as_task(nearly_normal, np.zeros(3), pmcmc.HMC(0.5, 2), 1, 0, None)
    plan = measure(task, task.kernel, task.problem.positions, task.rng_key, 0, 1e-9, np.inf)
    assert plan.measurements.candidates == ()
