"""What a warm-up finds of scales and correlations that the kernel is not told."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

SCALES = np.logspace(-3, 3, 8)


def stretched(x):
    return -0.5 * jnp.sum((x / jnp.asarray(SCALES, x.dtype)) ** 2)


@pytest.mark.parametrize("kernel", ["mala", "hmc"])
def test_scales_of_six_orders_from_ten_standard_deviations_away(kernel):
    starts = 10 * SCALES * np.sign(np.random.default_rng(3).normal(size=(4, 8)))
    result = pmcmc.sample(stretched, starts, 2000, kernel=kernel, n_chains=4)
    aim = result.info.kernel.target_acceptance_rate
    assert result.stats["acceptance_rate"].mean() == pytest.approx(aim, abs=0.1)
    draws = result.positions / SCALES
    assert np.all(np.abs(draws.mean(axis=(0, 1))) < 0.2)  # 4 errors of 400 independent draws
    assert np.all(np.abs(draws.std(axis=(0, 1)) - 1) < 0.15)


@pytest.mark.parametrize("factor", [1e-4, 1e4])
def test_a_bad_first_step_size_is_mended_with_the_metric(factor):
    rng = np.random.default_rng(4)
    result = pmcmc.warmup(
        stretched,
        SCALES * rng.normal(size=(4, 8)),
        kernel=pmcmc.MALA(step_size=factor),
        n_chains=4,
        metric="dense",
    )
    variances = np.diag(result.kernel.inverse_mass_matrix)
    np.testing.assert_allclose(variances, SCALES**2, rtol=0.3)
    assert 0.3 < result.kernel.step_size < 2


def test_a_dense_metric_is_the_covariance():
    target = pmcmc.targets.correlated_gaussian(dim=6, correlation=0.9)
    covariance = np.linalg.inv(-np.asarray(jax.hessian(target.logdensity)(jnp.zeros(6))))
    result = pmcmc.warmup(target.logdensity, np.full((2, 6), 3.0), n_chains=2)
    matrix = result.kernel.inverse_mass_matrix
    np.testing.assert_allclose(matrix, matrix.T, rtol=0, atol=1e-12)
    ratio = np.linalg.eigvals(np.linalg.solve(covariance, matrix)).real
    assert 0.9 < ratio.min() <= ratio.max() < 1.1


def test_a_kernel_without_gradients_gets_a_metric_from_its_draws():
    target = pmcmc.targets.correlated_gaussian(dim=3, correlation=0.9)
    covariance = np.linalg.inv(-np.asarray(jax.hessian(target.logdensity)(jnp.zeros(3))))
    result = pmcmc.warmup(
        target.logdensity, np.zeros((4, 3)), kernel="random_walk", n_steps=4000, n_chains=4
    )
    ratio = np.linalg.eigvals(np.linalg.solve(covariance, result.kernel.inverse_mass_matrix)).real
    assert 0.6 < ratio.min() <= ratio.max() < 1.6


def test_starting_at_the_mode():
    result = pmcmc.warmup(stretched, 1e3 * SCALES, n_steps=1, init_to_mode=True)
    assert np.all(np.abs(result.state.position) < 10 * SCALES)
    # No better than the start: chains begin where they were.
    flat = pmcmc.warmup(lambda x: -jnp.sum(jnp.abs(x)), np.full(2, 1e-9), n_steps=1)
    assert np.isfinite(flat.state.position).all()


def test_a_second_warmup_goes_on_from_the_first():
    first = pmcmc.warmup(stretched, SCALES, n_steps=400)
    second = pmcmc.warmup(stretched, first.state.position, kernel=first.kernel, n_steps=100)
    assert second.kernel.inverse_mass_matrix is first.kernel.inverse_mass_matrix
    draws = pmcmc.sample(stretched, second.state.position, 500, kernel=second.kernel, rng_key=1)
    assert draws.stats["acceptance_rate"].mean() == pytest.approx(0.574, abs=0.15)
