import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

from .helpers import double_well

TARGET = pmcmc.targets.logistic_regression()


def normal(x):
    return -0.5 * jnp.sum(x**2)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_acceptance_comes_near_its_aim_whatever_the_scale(scale):
    def logdensity(x):
        return normal(x / scale)

    result = pmcmc.sample(logdensity, scale * np.ones((4, 10)), 2000, n_chains=4)
    assert result.stats["acceptance_rate"].mean() == pytest.approx(0.574, abs=0.06)


@pytest.mark.parametrize("factor", [1e-4, 1e4])
def test_a_bad_first_step_size_is_mended(factor):
    result = pmcmc.sample(
        normal,
        np.zeros((4, 10)),
        2000,
        kernel=pmcmc.MALA(step_size=factor),
        n_warmup=600,
        n_chains=4,
    )
    assert result.stats["acceptance_rate"].mean() == pytest.approx(0.574, abs=0.06)


def test_a_real_posterior_from_dispersed_starts_leaves_no_chain_stuck():
    starts = 3 * np.random.default_rng(1).normal(size=(4, TARGET.dim))
    result = pmcmc.sample(TARGET.logdensity, starts, 2000, n_chains=4, rng_key=1)
    rates = result.stats["acceptance_rate"].mean(axis=1)
    assert rates.mean() == pytest.approx(0.574, abs=0.08)
    assert rates.min() > 0.4


def test_the_solver_does_not_change_what_is_tuned():
    starts = np.random.default_rng(2).normal(size=(2, 3))
    loop, quasi = (
        pmcmc.sample(double_well, starts, 100, n_chains=2, solver=solver)
        for solver in ("sequential", "quasi")
    )
    assert loop.info.kernel.step_size == quasi.info.kernel.step_size
    np.testing.assert_array_equal(loop.info.warmup.step_size, quasi.info.warmup.step_size)
    np.testing.assert_array_equal(loop.stats["is_accepted"], quasi.stats["is_accepted"])


def test_record_and_counts():
    result = pmcmc.sample(normal, np.zeros(2), 10, n_warmup=7)
    warmup = result.info.warmup
    assert warmup.n_steps.sum() == 7
    assert warmup.step_size.shape == warmup.acceptance_rate.shape == warmup.n_steps.shape
    assert result.positions.shape == (1, 10, 2)
    assert pmcmc.sample(normal, np.zeros(2), 10).info.warmup.n_steps.sum() == 1000


def test_without_warmup_the_kernel_runs_as_it_is():
    kernel = pmcmc.MALA(step_size=0.123)
    for n_warmup in (None, 0):
        result = pmcmc.sample(normal, np.zeros(2), 10, kernel=kernel, n_warmup=n_warmup)
        assert result.info.kernel is kernel
        assert result.info.warmup is None


def test_warmup_noise_is_not_that_of_the_draws():
    # With all steps accepted, draws driven by the noise of the warm-up would repeat it.
    short = pmcmc.sample(normal, np.zeros(2), 5, kernel=pmcmc.MALA(step_size=0.1), n_warmup=50)
    plain = pmcmc.sample(normal, np.zeros(2), 5, kernel=pmcmc.MALA(step_size=0.1))
    assert not np.allclose(short.positions, plain.positions)
