"""How `solve` ends: budgets that run out, overflow, NaN and infinite states."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import pmcmc
from pmcmc.solvers import Outcome

from .helpers.recursions import loop
from .test_solve import TANH, draw


def test_starved_solver_takes_the_rest_one_at_a_time_and_says_so():
    step, step_numpy = TANH
    inputs = draw(1, 100)
    solver = pmcmc.ParallelNewton(window=20, max_sweeps=1)
    solution = pmcmc.solve(step, np.zeros(3), inputs, solver=solver)
    np.testing.assert_allclose(
        solution.states, loop(step_numpy, np.zeros(3), inputs), rtol=0, atol=1e-12
    )
    assert solution.sweeps == 5
    assert solution.sequential_steps == 95
    assert solution.converged
    assert solution.outcome == Outcome.FINISHED_WITH_SEQUENTIAL_STEPS


def test_without_fallback_a_starved_solver_is_marked_and_reports_its_residual():
    step, step_numpy = TANH
    inputs = draw(1, 100)
    solver = pmcmc.ParallelNewton(window=20, max_sweeps=3, fallback=None)
    solution = pmcmc.solve(step, np.zeros(3), inputs, solver=solver)
    states = np.asarray(solution.states)
    previous = np.vstack([np.zeros(3), states[:-1]])
    error = np.abs(
        states - np.array([step_numpy(s, u) for s, u in zip(previous, inputs, strict=True)])
    )
    assert not solution.converged
    outcome = Outcome(int(solution.outcome))
    assert outcome == Outcome.BUDGET_SPENT
    assert "max_sweeps" in outcome.cause
    assert "fallback='sequential'" in outcome.remedy
    assert solution.scaled_residual > 1
    assert solution.sweeps == 15
    np.testing.assert_allclose(solution.residual, error.max(), rtol=1e-12)


def test_overflow_on_the_way_does_not_prevent_convergence():
    # The first step leads from 20 to a tame region; guesses of 20 are thrown to 20**200 and beyond.
    def step(s, u):
        return u * (0.1 * s + s**200) + (1 - u) / 2

    inputs = np.ones((64, 1))
    inputs[0] = 0
    s0 = np.array([20.0])
    solution = pmcmc.solve(step, s0, inputs)
    assert solution.converged
    assert solution.sweeps < 20  # rows spoilt by the overflow would cost a sweep each
    np.testing.assert_allclose(solution.states, loop(step, s0, inputs), rtol=0, atol=1e-9)


@pytest.mark.parametrize("solver", ["sequential", "quasi"])
def test_a_chain_that_runs_into_nan_says_so_and_keeps_what_came_before(solver):
    inputs = np.ones(20_000)
    inputs[3] = -1.0
    solution = pmcmc.solve(lambda s, u: s + jnp.sqrt(u), np.zeros(1), inputs, solver=solver)
    assert not solution.converged
    assert solution.outcome == Outcome.NOT_FINITE
    assert np.isinf(solution.residual)
    assert solution.sweeps < 20
    np.testing.assert_array_equal(solution.states[:3, 0], [1.0, 2.0, 3.0])
    assert np.isnan(solution.states[3:]).all()


def test_infinite_states_are_states():
    # A forward recursion in logarithms: one state is impossible for ever, one at first.
    log_transition = np.log(np.array([[0.5, 0.5], [0.2, 0.8]]))

    def step(s, u):
        live = jax.nn.logsumexp(s[:2, None] + jnp.asarray(log_transition), axis=0) + u
        return jnp.concatenate([live, s[2:]])

    inputs = -np.abs(draw(8, 50)[:, :2])
    s0 = np.array([0.0, -np.inf, -np.inf])
    scanned = lax.scan(lambda s, u: (step(s, u),) * 2, s0, inputs)[1]
    solution = pmcmc.solve(step, s0, inputs)
    assert solution.converged
    assert solution.sweeps <= 50
    np.testing.assert_allclose(solution.states, scanned, rtol=1e-9)


def test_an_update_that_overflows_is_replaced():
    # Values stay finite; only the products of increments overflow, and later rows with them.
    def step(s, u):
        return jnp.where(jnp.abs(s) > 1e300, 0.5, jnp.sign(jnp.sin(s)) * 1.7e308 * u) * 1.0

    inputs = np.where(np.arange(40)[:, None] % 3 == 0, 0.0, 1.0)
    s0 = np.array([1.0])
    scanned = lax.scan(lambda s, u: (step(s, u),) * 2, s0, inputs)[1]
    solution = pmcmc.solve(step, s0, inputs)
    assert solution.converged
    np.testing.assert_array_equal(solution.states, scanned)


def test_giving_up_counts_the_residual_of_the_very_last_row():
    inputs = np.zeros((20, 1))
    inputs[-1] = 5.0  # the guess, the start, is right for all steps but the last
    solver = pmcmc.ParallelNewton(window=20, max_sweeps=1, fallback=None)
    solution = pmcmc.solve(lambda s, u: s + u, np.ones(1), inputs, solver=solver)
    assert not solution.converged
    assert solution.residual == 5.0
