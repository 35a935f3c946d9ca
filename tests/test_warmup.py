import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

from .helpers.densities import logistic

TARGET = pmcmc.targets.logistic_regression()


def normal(x):
    return -0.5 * jnp.sum(x**2)


@pytest.mark.parametrize("scale", [1e-12, pytest.param(1.0, marks=pytest.mark.slow), 1e3])
def test_acceptance_comes_near_its_aim_whatever_the_scale(scale):
    def logdensity(x):
        return normal(x / scale)

    result = pmcmc.sample(logdensity, scale * np.ones((4, 10)), 2000, n_chains=4)
    assert result.stats["acceptance_rate"].mean() == pytest.approx(0.574, abs=0.06)


@pytest.mark.slow
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


@pytest.mark.parametrize("metric", [pytest.param("diagonal", marks=pytest.mark.slow), "dense"])
def test_the_solver_does_not_change_what_is_tuned(metric):
    starts = np.random.default_rng(2).normal(size=(2, 4))
    loop, quasi = (
        pmcmc.warmup(logistic, starts, n_steps=200, n_chains=2, solver=solver, metric=metric)
        for solver in ("sequential", "quasi")
    )
    assert quasi.report.sweeps.min() > 0 == loop.report.sweeps.max()
    assert loop.kernel.step_size == quasi.kernel.step_size
    np.testing.assert_array_equal(loop.report.step_size, quasi.report.step_size)
    matrices = [result.kernel.inverse_mass_matrix for result in (loop, quasi)]
    np.testing.assert_allclose(*matrices, rtol=1e-8)
    np.testing.assert_allclose(loop.state.position, quasi.state.position, rtol=0, atol=1e-8)


def test_record_and_counts():
    result = pmcmc.sample(normal, np.zeros(2), 10, n_warmup=7)
    warmup = result.info.warmup
    assert warmup.n_steps.sum() == 7
    assert warmup.step_size.shape == warmup.acceptance_rate.shape == warmup.n_steps.shape
    assert result.positions.shape == (1, 10, 2)
    assert pmcmc.sample(normal, np.zeros(2), 10).info.warmup.n_steps.sum() == 2000
    wide = pmcmc.sample(normal, np.zeros(300), 1, solver="sequential")
    assert wide.info.warmup.n_steps.sum() == 3000
    walk = pmcmc.sample(normal, np.zeros(25), 10, kernel="random_walk", solver="sequential")
    assert walk.info.warmup.n_steps.sum() == 2500


def test_without_warmup_the_kernel_runs_as_it_is():
    kernel = pmcmc.MALA(step_size=0.123)
    for n_warmup in (None, 0):
        result = pmcmc.sample(normal, np.zeros(2), 10, kernel=kernel, n_warmup=n_warmup)
        assert result.info.kernel is kernel
        assert result.info.warmup is None


class WalkState(NamedTuple):
    position: jax.Array
    logdensity: jax.Array


def test_the_basis_of_the_sweeps_follows_the_metric():
    starts = np.random.default_rng(2).normal(size=(2, 4))
    choices = dict(n_chains=2, solver="quasi")
    tuned = pmcmc.sample(logistic, starts, 10, kernel="mala", n_warmup=200, **choices)
    fresh = pmcmc.sample(logistic, starts, 10, kernel=tuned.info.kernel, **choices)
    np.testing.assert_allclose(tuned.info.solver.basis, fresh.info.solver.basis, rtol=1e-9)


class WalkInfo(NamedTuple):
    acceptance_rate: jax.Array
    is_accepted: jax.Array
    is_divergent: jax.Array


class Walk(pmcmc.kernels.Kernel):
    """A random walk that shows its noise: positions are sums of it, whatever the step size."""

    step_size: float
    target_acceptance_rate = 0.5
    tunables = ("step_size",)

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
        result := pmcmc.sample(
            normal,
            np.zeros((2, 5)),
            3,
            kernel=pmcmc.MALA(0.1, np.ones(5)),  # a metric that is given is kept: one phase
            n_chains=2,
            n_warmup=400,
        )
    ).info.warmup
    assert not warmup.metric_updates.any()
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
    with pytest.raises(ValueError, match=r"does not cross 0.574.*can be normalized"):
        pmcmc.sample(lambda x: 0.0 * jnp.sum(x), np.zeros(2), 10)


@pytest.mark.parametrize(
    ("kernel", "metric", "dim", "shape"),
    [
        ("mala", "auto", 50, (50, 50)),
        ("mala", "auto", 51, (51,)),
        ("mala", "diagonal", 3, (3,)),
        ("barker", "auto", 3, (3,)),
        ("hmc", None, 3, None),
        (pmcmc.MALA(0.1, np.ones(3)), "dense", 3, (3, 3)),
        (pmcmc.MALA(0.1, 2 * np.eye(3)), "diagonal", 3, (3,)),
        (pmcmc.MALA(0.1, 2 * np.eye(3)), "auto", 3, (3, 3)),
    ],
)
def test_kinds_of_metric(kernel, metric, dim, shape):
    result = pmcmc.warmup(normal, np.ones(dim), kernel=kernel, metric=metric, n_steps=60)
    got = result.kernel.inverse_mass_matrix
    assert (None if got is None else got.shape) == shape
    assert result.state.position.shape == (dim,)


@pytest.mark.parametrize(("dim", "aim"), [(1, 0.44), (2, 0.234)])
def test_a_random_walk_s_aim_depends_on_the_dimension(dim, aim):
    kernel = pmcmc.RandomWalkMetropolis(0.1)
    assert kernel.acceptance_rate_to_aim_at(dim) == aim
    draws = pmcmc.sample(normal, np.zeros((4, dim)), 2000, kernel="random_walk", n_chains=4)
    assert draws.stats["acceptance_rate"].mean() == pytest.approx(aim, abs=0.06)
    assert pmcmc.MALA(0.1).acceptance_rate_to_aim_at(dim) == 0.574
    assert pmcmc.Langevin(0.1).acceptance_rate_to_aim_at(dim) is None


def test_a_target_rate_of_ones_own():
    result = pmcmc.warmup(
        normal, np.zeros((4, 5)), n_chains=4, target_acceptance_rate=0.9, rng_key=1
    )
    assert result.report.acceptance_rate[-10:].mean() == pytest.approx(0.9, abs=0.04)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(metric="full"), "metric must be 'auto', 'diagonal', 'dense' or None, got 'full'"),
        (dict(metric="dense", kernel="barker"), "metric must be 'auto' or 'diagonal' or None for"),
        (dict(target_acceptance_rate=1.5), "target_acceptance_rate must be below 1, got 1.5"),
        (dict(target_acceptance_rate=0.0), "target_acceptance_rate must be a number between"),
        (dict(kernel=pmcmc.Langevin(0.1)), "kernel must have something to tune"),
        (
            dict(kernel=pmcmc.Langevin(0.1), target_acceptance_rate=0.5),
            "target_acceptance_rate must be None for Langevin",
        ),
        (dict(n_steps=0), "n_steps must be a positive integer, got 0"),
        (dict(init_to_mode=1), "init_to_mode must be True or False"),
    ],
)
def test_bad_arguments_of_a_warmup_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        pmcmc.warmup(normal, np.zeros(2), **arguments)
