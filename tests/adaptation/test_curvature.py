import numpy as np
import pytest

from pmcmc._adaptation.curvature import metric_of_values

DIM = 6
COVARIANCE = (0.01 * np.eye(DIM) + 0.99) * np.outer(*[10.0 ** np.arange(-2, 4)] * 2)
PRECISION = np.linalg.inv(COVARIANCE)


def normal(x):
    return -0.5 * np.einsum("ni,ij,nj->n", x - 1.0, PRECISION, x - 1.0)


def test_draws_of_a_corner_tell_the_covariance_of_a_normal():
    # As of a random walk that has come a tenth of its way along the diagonal.
    rng = np.random.default_rng(0)
    narrow = 0.01 * COVARIANCE + 0.3 * np.diag(np.diag(COVARIANCE)) * 0.01
    draws = rng.multivariate_normal(np.full(DIM, 0.5), narrow, size=200)
    found = metric_of_values(draws, normal(draws))
    np.testing.assert_allclose(found, COVARIANCE, rtol=0.05)


@pytest.mark.parametrize(
    ("n", "power", "reason"),
    [(60, 2, "too few"), (2000, 8, "no quadratic"), (2000, -1, "a saddle")],
)
def test_what_is_no_normal_tells_nothing(n, power, reason):
    draws = np.random.default_rng(1).normal(size=(n, DIM))
    values = -np.sum(np.abs(draws) ** power, axis=1) if power > 0 else draws[:, 0] * draws[:, 1]
    assert metric_of_values(draws, values) is None, reason
