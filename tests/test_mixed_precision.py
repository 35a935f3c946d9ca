"""Log densities whose values have another dtype than their position's."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc import _auto, _choice, _pilot

_DATA = np.random.default_rng(0).normal(size=(20, 3))


def with_data_of(dtype):
    """A regression on data of this dtype, whatever the position's."""

    def logdensity(x):
        logits = jnp.asarray(_DATA, dtype) @ x.astype(dtype)
        return jnp.sum(logits - jax.nn.softplus(2 * logits)) - 0.5 * jnp.sum(x.astype(dtype) ** 2)

    return logdensity


@pytest.fixture
def eager(monkeypatch):
    """Let the pilot of `"auto"` try a candidate, whatever it costs."""
    monkeypatch.setattr(_auto, "PILOT_SHARE", math.inf)
    monkeypatch.setattr(_choice, "_LEAST_WORK", 0.0)
    monkeypatch.setattr(_choice, "_CHAOTIC", math.inf)
    monkeypatch.setattr(_choice, "_GAIN", math.inf)
    monkeypatch.setattr(_pilot, "_WINDOWS", (16,))
    monkeypatch.setattr(_pilot, "_SLOW", math.inf)
    monkeypatch.setattr(_pilot, "_structures", lambda *_: [pmcmc.solvers.Diagonal()])


@pytest.mark.parametrize(("mine", "theirs"), [("float32", "float64"), ("float64", "float32")])
def test_every_front_door_takes_them(mine, theirs, eager):
    logdensity, x0 = with_data_of(theirs), np.full(3, 0.1, mine)
    kernel = pmcmc.MALA(0.02)
    results = [
        pmcmc.sample(logdensity, x0, 200, kernel=kernel, solver=solver)
        for solver in ("sequential", "quasi", "newton", "auto")
    ]
    for result in results:
        assert result.positions.dtype == result.stats["logdensity"].dtype == mine
        assert result.info.converged.all()
        np.testing.assert_allclose(result.positions, results[0].positions, rtol=0, atol=1e-3)
    for plan in (results[-1].info.plan, pmcmc.plan(logdensity, x0, kernel=kernel)):
        assert plan.measurements.candidates
        assert "Error" not in str(plan)
    tuned = pmcmc.warmup(logdensity, x0, n_steps=100, starts_at_mode=True)
    assert tuned.report.converged.all()
    ready = pmcmc.burn_in(logdensity, x0, n_steps=50, max_rounds=1, solver="quasi")
    assert ready.position.dtype == mine
