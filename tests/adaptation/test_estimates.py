import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._adaptation.estimates import (
    dense_estimate,
    diagonal_estimate,
    for_precision,
    metric_of_draws,
)

DIM = 5
RNG = np.random.default_rng(0)
FACTOR = RNG.normal(size=(DIM, DIM)) * np.array([0.1, 1.0, 1.0, 3.0, 10.0])[:, None]
COVARIANCE = FACTOR @ FACTOR.T + 0.01 * np.eye(DIM)


def of_normal(draws):
    """Gradients of a normal log density with that covariance."""
    return -np.linalg.solve(COVARIANCE, (draws - 3.0).T).T


def far_and_narrow(n_draws):
    """Draws that are not the target's: far away, on a small scale, with other correlations."""
    skewed = RNG.normal(size=(n_draws, DIM)) @ np.triu(np.ones((DIM, DIM)))
    return 50.0 + 0.01 * skewed @ np.linalg.cholesky(COVARIANCE).T


@pytest.mark.parametrize("n_draws", [50, 500])
def test_gradients_give_the_covariance_whatever_the_draws(n_draws):
    draws = far_and_narrow(n_draws)
    estimate = np.diag(np.diag(COVARIANCE))
    for _ in range(3):  # phases, whose ridge weighs less and less
        estimate = dense_estimate(draws, of_normal(draws), estimate)
    ratio = np.linalg.eigvals(np.linalg.solve(COVARIANCE, estimate)).real
    assert 0.8 < ratio.min() <= ratio.max() < 1.25


def test_gradients_give_variances_whatever_the_draws():
    variances = np.array([1e-6, 1.0, 1e6])
    draws = np.outer(np.linspace(0, 1, 400), [1.0, -2.0, 3.0])  # on their way along a line
    got = diagonal_estimate(draws, -draws / variances, np.ones(3))
    np.testing.assert_allclose(got, variances, rtol=0.3)


def test_without_gradients_the_estimate_is_that_of_the_draws():
    draws = RNG.normal(size=(20_000, DIM)) @ FACTOR.T
    np.testing.assert_allclose(
        diagonal_estimate(draws, None, np.ones(DIM)), draws.var(axis=0), rtol=1e-2
    )
    expected = np.cov(draws.T)
    got = dense_estimate(draws, None, np.diag(np.diag(expected)))
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-2 * np.abs(expected).max())


def test_few_draws_change_little_and_stay_positive_definite():
    draws = far_and_narrow(3)
    got = dense_estimate(draws, of_normal(draws), np.eye(DIM))
    assert np.linalg.eigvalsh(got)[0] > 0
    spread = np.linalg.eigvalsh(got)
    assert spread[-1] / spread[0] < np.linalg.cond(COVARIANCE)


@pytest.mark.parametrize("estimate", [diagonal_estimate, dense_estimate])
@pytest.mark.parametrize("draws", [np.zeros((10, 2)), np.full((10, 2), 1e300)])
def test_draws_that_tell_nothing_leave_the_metric(estimate, draws):
    before = np.array([2.0, 3.0]) if estimate is diagonal_estimate else np.diag([2.0, 3.0])
    np.testing.assert_array_equal(estimate(draws, np.zeros_like(draws), before), before)


def test_chains_that_hardly_move_tell_no_metric():
    stuck = np.repeat([[1.0, 2.0], [1.0, 2.0 + 1e-9]], 10, axis=0)
    assert metric_of_draws(stuck, None, np.eye(2)) is None
    moved = np.concatenate([stuck, [[3.0, 1.0]]])
    assert metric_of_draws(moved, None, np.eye(2)).shape == (2, 2)
    assert metric_of_draws(moved, None, np.ones(2)).shape == (2,)


def test_a_metric_for_float32_keeps_a_factor_and_what_float32_tells_apart():
    spread = np.array([1e4, 1e4, 1e-3])
    nearly_flat = np.array([[1.0, 1e-9 - 1.0, 0.0], [1e-9 - 1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    metric = nearly_flat * np.outer(spread, spread)
    assert np.isnan(jnp.linalg.cholesky(jnp.asarray(metric, jnp.float32))).any()
    found = for_precision(metric, np.float32)
    assert np.isfinite(jnp.linalg.cholesky(jnp.asarray(found, jnp.float32))).all()
    np.testing.assert_allclose(found, metric, rtol=1e-5)
    for enough in (metric, COVARIANCE, np.ones(3)):
        assert for_precision(enough, np.float64) is enough
    assert for_precision(COVARIANCE, np.float32) is COVARIANCE


def test_a_nearly_flat_direction_ends_no_warm_up_in_float32():
    def only_the_sum(x):
        return -0.5 * jnp.sum(x) ** 2 - 1e-9 * jnp.sum(x**2)

    x0 = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    tuned = pmcmc.warmup(only_the_sum, x0, kernel="mala", n_chains=4, n_steps=2000)
    factor = jnp.linalg.cholesky(jnp.asarray(tuned.kernel.inverse_mass_matrix))
    assert np.isfinite(factor).all()
    assert tuned.report.acceptance_rate[-1] > 0.4
