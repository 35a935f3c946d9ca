"""Anderson's and Broyden's acceleration against the formulas in NumPy."""

import dataclasses
import itertools

import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc import solvers

from ..helpers.recursions import loop

T, DIM, MEMORY = 30, 2, 3
MIX = np.array([[0.6, -0.3], [0.2, 0.5]])
INPUTS = np.random.default_rng(0).normal(size=(T, DIM))
RULES = {"Anderson": solvers.Anderson(MEMORY), "Broyden": solvers.Broyden(MEMORY)}


def step(s, u):
    return jnp.tanh(jnp.asarray(MIX) @ s) + u


def step_numpy(s, u):
    return np.tanh(MIX @ s) + u


ORACLE = loop(step_numpy, np.zeros(DIM), INPUTS)


def residuals_by_hand(rule, n_sweeps):
    """Largest residual before each sweep of Jacobi's method, all steps in one window."""
    x, history, seen, n_exact = np.zeros((T, DIM)), [], [], 0
    for _ in range(n_sweeps):
        before = np.concatenate([np.zeros((1, DIM)), x[:-1]])
        g = np.array([step_numpy(s, u) for s, u in zip(before, INPUTS, strict=True)]) - x
        live = np.arange(T) >= n_exact  # the window has slid past the others
        seen.append(np.abs(g[live]).max())
        n_right = n_exact + int(np.argmax([*(np.abs(g[live]) > 1e-12).any(axis=1), True]))
        history.insert(0, (x, g))
        new = x + g
        pairs = list(itertools.pairwise(history))[:MEMORY]
        if pairs:
            dx = np.array([(a[0] - b[0])[live].ravel() for a, b in pairs]).T
            dg = np.array([(a[1] - b[1])[live].ravel() for a, b in pairs]).T
            tests = dg if rule == "Anderson" else dx
            c = np.linalg.lstsq(tests.T @ dg, tests.T @ g[live].ravel(), rcond=1e-14)[0]
            new[live] -= ((dx + dg) @ c).reshape(-1, DIM)
        # One step behind those that are right is exact.
        n_exact = n_right + 1
        new[:n_exact] = ORACLE[:n_exact]
        history[0] = (history[0][0], history[0][1])
        x = new
    return np.array(seen)


@pytest.mark.parametrize("rule", RULES)
def test_sweeps_are_those_of_the_formula(rule):
    solver = dataclasses.replace(
        solvers.PRESETS["jacobi"], acceleration=RULES[rule], window=T, n_logged_sweeps=6
    )
    found = pmcmc.solve(step, np.zeros(DIM), INPUTS, solver=solver)
    np.testing.assert_allclose(found.states, ORACLE, atol=1e-10)
    np.testing.assert_allclose(found.sweep_log.residual[:6], residuals_by_hand(rule, 6), rtol=1e-5)


@pytest.mark.parametrize("rule", [solvers.Anderson(8), solvers.Broyden(8)])
def test_they_save_sweeps_of_picards_method_where_steps_are_small(rule):
    inputs = np.random.default_rng(0).normal(size=(400, DIM))
    plain = dataclasses.replace(solvers.PRESETS["picard"], window=400)
    sweeps = [
        int(pmcmc.solve(decaying, np.zeros(DIM), inputs, solver=solver).sweeps)
        for solver in (plain, dataclasses.replace(plain, acceleration=rule))
    ]
    assert sweeps[1] < sweeps[0]


def decaying(s, u):
    return 0.99 * s + u


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match=r"memory must be a positive integer, got 0"):
        solvers.Anderson(memory=0)
    with pytest.raises(ValueError, match=r"acceleration must be an instance.*Anderson\(memory=3\)"):
        pmcmc.ParallelNewton(acceleration="Anderson")
