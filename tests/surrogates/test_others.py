"""A normal, and functions of users."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import pmcmc
from pmcmc.surrogates import FunctionSurrogate, GaussianSurrogate, as_surrogate

COVARIANCE = np.array([[2.0, 0.6], [0.6, 0.5]])


@pytest.mark.parametrize("metric", [COVARIANCE, np.diag(COVARIANCE)])
def test_a_normal_is_scipy_s(metric):
    mean = np.array([1.0, -2.0])
    surrogate = GaussianSurrogate.from_metric(mean, metric)
    matrix = metric if metric.ndim == 2 else np.diag(metric)
    rows = np.random.default_rng(0).normal(size=(5, 2))
    found = np.array([surrogate(jnp.asarray(row)) for row in rows])
    expected = stats.multivariate_normal.logpdf(rows, mean, matrix)
    np.testing.assert_allclose(found - found[0], expected - expected[0], rtol=1e-10)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (np.ones(3), r"shape \(D,\) or \(D, D\)"),
        (np.array([1.0, 0.0]), "positive definite"),
        (np.array([1.0, -1.0]), "positive definite"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "positive definite"),
        (np.array([1.0, np.nan]), "positive definite"),
    ],
)
def test_metrics_of_a_normal_are_checked(metric, message):
    with pytest.raises(ValueError, match=message):
        GaussianSurrogate.from_metric(np.zeros(2), metric)


def test_functions_are_surrogates():
    def function(x):
        return -(x["a"] ** 2) - jnp.sum(x["b"] ** 2)

    surrogate = as_surrogate(function)
    assert isinstance(surrogate, FunctionSurrogate)
    assert as_surrogate(surrogate) is surrogate
    flat, unravel = jax.flatten_util.ravel_pytree({"a": 1.0, "b": np.arange(2.0)})
    assert float(surrogate.flatten(unravel)(flat)) == -2.0


@pytest.mark.parametrize("bad", ["polynomial", 1.0, None, np.zeros(2), [1.0], {}, dict])
@pytest.mark.parametrize("of", [pmcmc.SurrogateHMC, lambda x: pmcmc.Speculative(surrogate=x)])
def test_what_is_no_surrogate_is_refused(bad, of):
    with pytest.raises(ValueError, match=r"surrogate must be 'auto'.*write surrogate='auto'"):
        of(bad)


def test_surrogates_print_short():
    normal = GaussianSurrogate.from_metric(np.zeros(200), np.ones(200))
    assert str(normal) == "GaussianSurrogate()"
    assert str(as_surrogate(jnp.sum)) == "FunctionSurrogate(sum)"
    kernel = pmcmc.SurrogateHMC(jnp.sum, step_size=0.25)
    assert str(kernel) == "SurrogateHMC(surrogate=FunctionSurrogate(sum), step_size=0.25)"
