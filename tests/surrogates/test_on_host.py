"""Polynomials in NumPy are those in JAX, in every table, and so are trajectories along them."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._adaptation.trajectories import acceptance_rates, trajectories
from pmcmc._chain.fitting import Fitting
from pmcmc.surrogates import GaussianSurrogate, PolynomialSurrogate
from pmcmc.surrogates.monomials import as_table, coefficients_of, n_monomials
from pmcmc.surrogates.on_host import values_and_slopes


def polynomial(dim, degree, radius=1.5):
    rng = np.random.default_rng(degree)
    table = as_table(0.3 * rng.normal(size=n_monomials(dim, degree)), dim, degree)
    whitening = np.eye(dim) + 0.3 * rng.normal(size=(dim, dim))
    return PolynomialSurrogate(degree, rng.normal(size=dim), whitening, radius, table, -7.0)


ROWS = np.random.default_rng(0).normal(size=(8, 3))


@pytest.mark.parametrize("degree", [2, 3, 4, 6])
def test_values_and_slopes_in_numpy(degree):
    surrogate = polynomial(3, degree)
    expected = jax.jit(jax.vmap(jax.value_and_grad(surrogate)))(ROWS)
    for found, exact in zip(values_and_slopes(surrogate, ROWS), expected, strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("dim", "degree", "raised"),
    [(3, 2, 6), (3, 4, 6), (7, 3, 6), (8, 3, 4), (12, 2, 4), (20, 2, 3), (21, 2, 2)],
)
def test_a_higher_table_holds_the_same_polynomial(dim, degree, raised):
    surrogate = polynomial(dim, degree, radius=4.0)
    higher = surrogate.raised()
    assert higher.degree == raised
    rows = np.random.default_rng(1).normal(size=(8, dim))
    for before, after in zip(
        values_and_slopes(surrogate, rows), values_and_slopes(higher, rows), strict=True
    ):
        np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)


def test_coefficients_are_found_again_in_a_table():
    coefficients = np.arange(1.0, 1 + n_monomials(3, 4))
    np.testing.assert_allclose(coefficients_of(as_table(coefficients, 3, 4), 3, 4), coefficients)


@pytest.mark.parametrize("metric", [np.array([2.0, 0.5]), np.array([[2.0, 0.6], [0.6, 0.5]])])
def test_a_normal_is_the_same_as_a_polynomial(metric):
    normal = GaussianSurrogate.from_metric(np.array([1.0, -2.0]), metric)
    rows = np.concatenate([ROWS[:, :2], 1e3 * ROWS[:, :2]])
    expected = jax.vmap(normal)(jnp.asarray(rows))
    np.testing.assert_allclose(values_and_slopes(normal.as_polynomial(), rows)[0], expected)


@pytest.mark.parametrize("metric", [None, np.array([1.0, 2.0, 0.5]), np.diag([1.0, 2, 0.5]) + 0.1])
def test_trajectories_in_numpy_are_those_of_the_kernel(metric):
    surrogate = polynomial(3, 4, radius=2.0)
    kernel = pmcmc.SurrogateHMC(surrogate, 0.3, 4, metric, random_walk_share=0.0)
    normal = np.random.default_rng(2).normal(size=(8, 3))
    jitter = np.random.default_rng(3).random(8)
    covariance = np.eye(3) if metric is None else metric if metric.ndim == 2 else np.diag(metric)
    momenta = np.linalg.solve(np.linalg.cholesky(covariance).T, normal.T).T

    def step(position, momentum, jitter):
        noise = kernel.draw_noise(jax.random.key(0), position)
        noise = noise._replace(momentum=momentum, jitter=jitter, choice=jnp.array(0.5))
        info = kernel.transition(surrogate, kernel.init(surrogate, position), noise)[1]
        return kernel.propose(kernel.init(surrogate, position), noise), info.acceptance_rate

    expected, expected_rates = jax.jit(jax.vmap(step))(ROWS, momenta, jitter)
    path = trajectories(kernel, ROWS, normal, jitter[:, None])
    found, scaled = next(itertools.islice(path, kernel.num_integration_steps - 1, None))
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    rates = acceptance_rates(surrogate, ROWS, normal, found, scaled)
    np.testing.assert_allclose(rates, expected_rates, rtol=1e-8, atol=1e-12)
    assert np.sum((rates > 0.01) & (rates < 0.99)) > 1


def shapes(surrogate):
    return jax.tree.structure(surrogate), [np.shape(leaf) for leaf in jax.tree.leaves(surrogate)]


def test_every_fit_of_a_run_has_the_shape_of_the_normal_before_it():
    class Segment:
        def __init__(self, n, power):
            x = np.random.default_rng(power).normal(size=(1, n, 3))
            self.proposals = (x, -np.sum(np.abs(x) ** power, axis=-1))
            self.report = type("Report", (), {"sweeps": np.zeros(1)})

    before = shapes(GaussianSurrogate.from_metric(np.zeros(3), np.ones(3)).as_polynomial())
    degrees = set()
    for power in (2, 4):
        fitting = Fitting(3)
        fitting.add(Segment(600, power), 1.0)
        fit = fitting.refit()
        degrees.add(fit.degree)
        assert shapes(fit.surrogate) == before
    assert degrees == {2, 4}


def test_lost_positions_have_no_slope():
    surrogate = polynomial(3, 4)
    lost = jnp.array([[0.0, bad, 0.0] for bad in (np.nan, np.inf, 1e200)])
    np.testing.assert_array_equal(jax.jit(jax.vmap(jax.grad(surrogate)))(lost), 0.0)
    assert dataclasses.replace(surrogate, level=0.0)(jnp.full(3, jnp.nan)) == -jnp.inf
