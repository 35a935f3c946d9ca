"""Stopping rules of the literature: met when they say, and what comes out is marked."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc.solvers import PRESETS, Outcome, SmallMerit, SmallStep
from pmcmc.solvers.place import InOrder
from pmcmc.solvers.stopping import merit_of

T, TOLERANCE = 60, 1e-4


def iterates(n_sweeps):
    """Jacobi on s' = 0.5 s from 1, by hand: after k sweeps step t has 0.5**min(t, k)."""
    return 0.5 ** np.minimum(np.arange(T + 1), n_sweeps)


def by_hand(is_met):
    """The first sweep that finds the rule met, and the largest residual there."""
    for sweep in range(T):
        states = iterates(sweep)
        residual = 0.5 * states[:-1] - states[1:]
        if is_met(residual, iterates(sweep + 1) - states):
            return sweep + 1, np.abs(residual).max()
    raise AssertionError("never met")


RULES = {
    "merit": (SmallMerit(TOLERANCE), lambda r, step: np.mean(r**2) / 2 <= TOLERANCE),
    "step": (SmallStep(TOLERANCE), lambda r, step: np.abs(step).max() <= TOLERANCE),
}


def halved(s, u):
    return 0.5 * s


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_met_where_arithmetic_says_and_the_result_is_marked(name):
    rule, is_met = RULES[name]
    n_sweeps, residual = by_hand(is_met)
    solver = dataclasses.replace(PRESETS["jacobi"], window=T, stopping=rule)
    found = pmcmc.solve(halved, np.ones(1), np.zeros(T), solver=solver)
    assert found.sweeps == n_sweeps
    np.testing.assert_allclose(found.residual, residual, rtol=1e-12)
    np.testing.assert_allclose(found.states[:, 0], iterates(n_sweeps - 1)[1:], rtol=1e-12)
    assert not found.converged
    assert found.sequential_steps == 0
    assert "stopping rule" in Outcome(int(found.outcome)).cause
    loose = dataclasses.replace(solver, atol=2 * residual)
    assert pmcmc.solve(halved, np.ones(1), np.zeros(T), solver=loose).converged


def test_the_log_has_the_merit_of_each_sweep():
    solver = dataclasses.replace(PRESETS["jacobi"], window=T, n_logged_sweeps=T)
    found = pmcmc.solve(halved, np.ones(1), np.zeros(T), solver=solver)
    for sweep in range(5):
        states = iterates(sweep)
        expected = np.sum((0.5 * states[:-1] - states[1:]) ** 2) / 2
        # Rows that an earlier sweep finished were exact.
        np.testing.assert_allclose(found.sweep_log.merit[sweep], expected, rtol=1e-12)
    assert found.sweep_log.merit[-1] == -1


@pytest.mark.parametrize("rule", [SmallMerit(1e9), SmallStep(1e9)])
def test_what_is_no_number_meets_no_rule(rule):
    rows, is_live = jnp.array([[1.0], [jnp.nan], [jnp.nan]]), jnp.array([True, True, False])
    assert not rule.is_met(merit_of(rows, is_live, InOrder()), jnp.nan, 2)
    is_number = is_live & ~jnp.isnan(rows[:, 0])
    assert rule.is_met(merit_of(rows, is_number, InOrder()), jnp.float64(1.0), 1)


@pytest.mark.parametrize("rule", [SmallMerit, SmallStep])
def test_errors_name_the_argument(rule):
    with pytest.raises(ValueError, match=rf"tolerance must be a positive.*write {rule.__name__}"):
        rule(0.0)
    with pytest.raises(ValueError, match=r"stopping must be an instance.*SmallMerit"):
        pmcmc.ParallelNewton(stopping=1e-4)


@pytest.mark.parametrize("n_live", [1, 3, 5])
def test_the_mean_merit_to_the_last_factor(n_live):
    error = np.random.default_rng(0).normal(size=(5, 2))
    is_live = np.arange(5) < n_live
    mean_merit = (error[:n_live] ** 2).sum() / (2 * n_live)
    for factor, is_met in ((0.99, False), (1.01, True)):
        rule = SmallMerit(factor * mean_merit)
        merit = merit_of(jnp.asarray(error), jnp.asarray(is_live), InOrder())
        assert bool(rule.is_met(merit, jnp.float64(0.0), jnp.int32(n_live))) == is_met
