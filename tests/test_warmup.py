import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

from .helpers import double_well

TARGET = pmcmc.targets.logistic_regression()


def normal(x):
    return -0.5 * jnp.sum(x**2)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1.0, 1e3])
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


class WalkState(NamedTuple):
    position: jax.Array
    logdensity: jax.Array


class WalkInfo(NamedTuple):
    acceptance_rate: jax.Array
    is_accepted: jax.Array
    is_divergent: jax.Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Walk(pmcmc.kernels.Kernel):
    """A random walk that shows its noise: positions are sums of it, whatever the step size."""

    step_size: float
    target_acceptance_rate = 0.5

    def init(self, logdensity, position):
        return WalkState(position, logdensity(position))

    def draw_noise(self, rng_key, position):
        return jax.random.uniform(rng_key, position.shape, position.dtype)

    def transition(self, logdensity, state, noise):
        return self.init(logdensity, state.position + noise), WalkInfo(
            jnp.where(self.step_size > 1.0, 0.3, 0.7), jnp.bool_(True), jnp.bool_(False)
        )


@pytest.mark.parametrize("solver", ["sequential", "quasi"])
def test_every_step_of_the_warmup_has_noise_of_its_own(solver):
    key = jax.random.key(5)
    result = pmcmc.sample(
        normal, np.zeros(2), 3, kernel=Walk(0.1), n_warmup=100, solver=solver, rng_key=key
    )

    def noise(key, n_steps):
        chain_key = jax.random.fold_in(key, 0)
        draws = [
            jax.random.uniform(jax.random.fold_in(chain_key, step), (2,)) for step in range(n_steps)
        ]
        return np.array(draws)

    warm = noise(jax.random.fold_in(key, 2**32 - 1), 100).sum(axis=0)
    expected = warm + np.cumsum(noise(key, 3), axis=0)
    np.testing.assert_allclose(result.positions[0], expected, rtol=0, atol=1e-9)


def test_the_tuned_step_size_is_where_the_acceptance_rate_crosses_its_aim():
    result = pmcmc.sample(normal, np.zeros(2), 3, kernel=Walk(1e-3), n_warmup=2000)
    assert result.info.kernel.step_size == pytest.approx(1.0, rel=0.3)
    assert result.info.kernel.step_size == float(f"{result.info.kernel.step_size:.3g}")


def test_the_final_step_size_is_the_average_of_dual_averaging():
    warmup = (
        result := pmcmc.sample(normal, np.zeros((2, 5)), 3, n_chains=2, n_warmup=400)
    ).info.warmup
    mu = math.log(warmup.step_size[0])
    mean_error = log_average = 0.0
    for i, rate in enumerate(warmup.acceptance_rate, start=1):
        mean_error += ((0.574 - rate) - mean_error) / (i + 10)
        log_step = mu - math.sqrt(i) / 0.25 * mean_error
        log_average += i**-0.75 * (log_step - log_average)
        if i < len(warmup.step_size):
            assert warmup.step_size[i] == pytest.approx(math.exp(log_step), rel=1e-2)
    assert result.info.kernel.step_size == pytest.approx(math.exp(log_average), rel=1e-2)
    assert abs(log_average - log_step) > 0.02  # or the last would do as well


def test_a_density_that_no_step_size_suits_is_refused():
    with pytest.raises(ValueError, match=r"stays above 0.574 up to.*can be normalised"):
        pmcmc.sample(lambda x: 0.0 * jnp.sum(x), np.zeros(2), 10)
