"""The metric from planted steps: which of them count, and about what."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._adaptation.criteria.base import Context, Window
from pmcmc._adaptation.criteria.metric import Metric
from pmcmc._arguments import as_task

COVARIANCE = np.array([[4.0, 1.2], [1.2, 0.5]])
ROOT = np.linalg.cholesky(COVARIANCE)
RNG = np.random.default_rng(0)


def normal(x):
    return -0.5 * jnp.sum(jax.scipy.linalg.solve_triangular(ROOT, x, lower=True) ** 2)


def metric_of(logdensity, kernel, draws):
    """From draws `(chain, step, D)`, all of them accepted."""
    task = as_task(logdensity, draws[0, -1], kernel, 1, 0, None)
    flat = task.problem.logdensity
    rows = {
        "positions": draws,
        "logdensity": np.asarray(jax.vmap(jax.vmap(flat))(draws)),
        "is_accepted": np.ones(draws.shape[:2], bool),
    }
    criterion = Metric("dense")
    context = Context(SimpleNamespace(logdensity=flat), jnp.asarray(draws[:, -1]), None, False)
    state, kernel = criterion.init(criterion.prepare(kernel, 2), context)
    state, kernel = criterion.update(state, kernel, Window(0, 0.5, rows))
    final = criterion.final(state, kernel, context)
    return np.asarray(final.kernel.inverse_mass_matrix), final.words


def around(centers, n=100):
    return np.stack([center + RNG.normal(size=(n, 2)) @ ROOT.T for center in centers])


@pytest.mark.parametrize("kernel", [pmcmc.MALA(0.1), pmcmc.RandomWalkMetropolis(0.1)])
def test_lost_chains_do_not_count(kernel):
    def two_modes(x):  # round and wide far away, without mass
        return jnp.logaddexp(normal(x), -200.0 - 0.005 * jnp.sum((x - 200.0) ** 2))

    far = 200.0 + 10 * RNG.normal(size=(1, 100, 2))
    found, _ = metric_of(two_modes, kernel, np.concatenate([around([0.0, 0.0]), far]))
    np.testing.assert_allclose(found, COVARIANCE, rtol=0.1)


def test_how_far_chains_are_apart_does_not_count():
    def rippled(x):  # a normal around each of many points, which all weigh the same
        return normal(x - 100 * jnp.round(x / 100))

    found, words = metric_of(rippled, pmcmc.MALA(0.1), around([0.0, 100.0, -300.0]))
    np.testing.assert_allclose(found, COVARIANCE, rtol=0.1)
    assert words == "a dense metric from 200 draws and the gradients there"


def test_a_walk_learns_from_values_what_it_has_not_walked():
    draws = 0.1 * RNG.normal(size=(4, 30, 2)) + np.array([2.0, 1.0])  # round, in a corner
    found, words = metric_of(normal, pmcmc.RandomWalkMetropolis(0.1), draws)
    np.testing.assert_allclose(found, COVARIANCE, rtol=0.02)
    assert words == "a dense metric from 120 draws and the values there"
