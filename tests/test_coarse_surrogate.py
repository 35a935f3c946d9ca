"""A coarse density of the user's as surrogate: hares and lynxes in 2 steps a year, not in 10."""

import jax
import numpy as np
import pytest

import pmcmc

TARGET = pmcmc.targets.lotka_volterra()
COARSE = pmcmc.targets.lotka_volterra(steps_per_year=2).logdensity


@pytest.fixture(scope="module")
def tuned():
    """Trajectories along the coarse density, tuned from near the mode."""
    kernel = pmcmc.SurrogateHMC(COARSE, step_size=0.1, num_integration_steps=5)
    noise = 0.1 * np.random.default_rng(1).normal(size=(2, 8))
    return pmcmc.sample(
        TARGET.logdensity,
        TARGET.initial_position + noise,
        300,
        kernel=kernel,
        n_chains=2,
        n_warmup=500,
        solver="sequential",
    )


def test_speculation_with_it_takes_the_loop_s_decisions_and_predicts_nearly_all(tuned):
    x0 = tuned.final_state.position[0]
    metric = np.asarray(tuned.info.kernel.inverse_mass_matrix)
    kernel = pmcmc.RandomWalkMetropolis(2.38 / np.sqrt(8), metric)
    loop, ahead = (
        pmcmc.sample(TARGET.logdensity, x0, 400, kernel=kernel, solver=solver)
        for solver in ("sequential", pmcmc.Speculative(surrogate=COARSE, window=32))
    )
    np.testing.assert_array_equal(loop.stats["is_accepted"], ahead.stats["is_accepted"])
    assert 0.05 < loop.stats["is_accepted"].mean() < 0.6
    assert ahead.info.residual[0] == 0
    assert ahead.info.sweeps[0] < 400 / 32 * 1.3  # right in all but a few


def test_trajectories_along_it_are_accepted_by_the_exact_density(tuned):
    # 15 % of the proposals are those of a random walk, of which a quarter is accepted.
    assert 0.6 < tuned.stats["is_accepted"].mean() < 0.95
    value = [TARGET.logdensity(x) for x in tuned.positions[0, -2:]]
    np.testing.assert_allclose(tuned.stats["logdensity"][0, -2:], value, rtol=1e-9)
    found = jax.vmap(TARGET.constrain)(tuned.positions.reshape(-1, 8))
    reference = TARGET.reference
    for name, mean in reference.mean.items():
        error = np.mean(found[name], axis=0) - mean
        assert np.abs(error / reference.sd[name]).max() < 0.35, name  # about 5 standard errors
