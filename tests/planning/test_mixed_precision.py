"""Log densities whose values have another dtype than their position's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._planning import pilot

_DATA = np.random.default_rng(0).normal(size=(20, 3))


def with_data_of(dtype):
    """A regression on data of this dtype, whatever the position's."""

    def logdensity(x):
        logits = jnp.asarray(_DATA, dtype) @ x.astype(dtype)
        return jnp.sum(logits - jax.nn.softplus(2 * logits)) - 0.5 * jnp.sum(x.astype(dtype) ** 2)

    return logdensity


@pytest.mark.parametrize(
    ("mine", "theirs", "solvers"),
    [("float32", "float64", ["quasi", "auto"]), ("float64", "float32", ["auto"])],
)
def test_every_solver_and_plan_take_them(mine, theirs, solvers, eager_pilot, monkeypatch):
    monkeypatch.setattr(pilot, "_structures", lambda *_: [pmcmc.solvers.Diagonal()])
    logdensity, x0 = with_data_of(theirs), np.full(3, 0.1, mine)
    kernel = pmcmc.MALA(0.02)
    loop = pmcmc.sample(logdensity, x0, 200, kernel=kernel, solver="sequential")
    for solver in solvers:
        result = pmcmc.sample(logdensity, x0, 200, kernel=kernel, solver=solver)
        assert result.positions.dtype == result.stats["logdensity"].dtype == mine
        assert result.info.converged.all()
        np.testing.assert_allclose(result.positions, loop.positions, rtol=0, atol=1e-3)
    for plan in (result.info.plan, pmcmc.plan(logdensity, x0, kernel=kernel)):
        assert plan.measurements.candidates
        assert "Error" not in str(plan)


def test_warm_ups_and_burn_in_take_them():
    logdensity, x0 = with_data_of("float64"), np.full(3, 0.1, "float32")
    tuned = pmcmc.warmup(logdensity, x0, n_steps=100, init_to_mode=True)
    assert tuned.report.converged.all()
    ready = pmcmc.burn_in(logdensity, x0, n_steps=50, max_rounds=1, solver="quasi")
    assert ready.position.dtype == tuned.state.position.dtype == np.float32
