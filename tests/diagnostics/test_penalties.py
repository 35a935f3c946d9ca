"""The grid of penalties: counts are those of single runs, and the best one is the best."""

import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc import diagnostics
from pmcmc.solvers import ELK, Dense, Diagonal

INPUTS = np.random.default_rng(0).normal(size=60)


def step(s, u):
    return 0.99 * s + 0.1 * jnp.sin(s[::-1]) + u


@pytest.mark.parametrize(("name", "jacobian"), [("newton", Dense()), ("quasi", Diagonal())])
def test_counts_are_those_of_single_runs(name, jacobian):
    penalties = (0.0, 1e-3, 0.1, 10.0)
    found = diagnostics.elk_penalties(
        step, np.ones(2), INPUTS[:, None], penalties=penalties, solver=name
    )
    for penalty, sweeps in zip(penalties, found.sweeps, strict=True):
        solver = pmcmc.ParallelNewton(jacobian=jacobian, damping=ELK(penalty))
        assert pmcmc.solve(step, np.ones(2), INPUTS[:, None], solver=solver).sweeps == sweeps
    assert len(set(found.sweeps)) > 1
    best = [p for p, n in zip(penalties, found.sweeps, strict=True) if n == min(found.sweeps)]
    assert found.best == max(best)


def test_overflow_is_counted():
    def explosive(s, u):
        return jnp.where(jnp.abs(s) > 3, 1e200 * s**3, 0.3 * s + u)

    solver = pmcmc.ParallelNewton(guess=np.full((60, 1), 5.0), jacobian=Dense())
    found = diagnostics.elk_penalties(
        explosive, np.zeros(1), INPUTS[:, None], penalties=(0.0,), solver=solver
    )
    assert found.overflows[0] > 0


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="penalties must hold at least one number"):
        diagnostics.elk_penalties(step, np.ones(1), INPUTS, penalties=())
    with pytest.raises(ValueError, match="penalties must be a finite number of at least 0"):
        diagnostics.elk_penalties(step, np.ones(1), INPUTS, penalties=(-1.0,))
    with pytest.raises(ValueError, match="solver must be a method of parallel sweeps"):
        diagnostics.elk_penalties(step, np.ones(1), INPUTS, solver="sequential")
