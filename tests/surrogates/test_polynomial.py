"""A polynomial surrogate is the polynomial, and goes down beyond its radius."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pmcmc.surrogates import PolynomialSurrogate
from pmcmc.surrogates.monomials import as_table, design, monomials, n_monomials, slopes

CASES = [(1, 2), (3, 2), (1, 3), (3, 3), (1, 4), (3, 4), (5, 4), (1, 6), (4, 6)]


def textbook(coefficients, dim, degree, z):
    """The sum over all exponents, in the order of the factors."""
    value = 0.0
    factors = itertools.combinations_with_replacement([1.0, *z], degree)
    for coefficient, term in zip(coefficients, factors, strict=True):
        value += coefficient * np.prod(term)
    return value


def polynomial(dim, degree, radius=100.0):
    rng = np.random.default_rng(degree)
    coefficients = rng.normal(size=n_monomials(dim, degree))
    whitening = np.eye(dim) + 0.3 * rng.normal(size=(dim, dim))
    table = as_table(coefficients, dim, degree)
    center = rng.normal(size=dim)
    return coefficients, PolynomialSurrogate(degree, center, whitening, radius, table, level=-7.0)


@pytest.mark.parametrize(("dim", "degree"), CASES)
def test_it_is_the_textbook_s_polynomial(dim, degree):
    coefficients, surrogate = polynomial(dim, degree)
    for x in np.random.default_rng(1).normal(size=(5, dim)):
        z = surrogate.whitening @ (x - surrogate.center)
        expected = textbook(coefficients, dim, degree, z) - 7.0
        assert float(surrogate(jnp.asarray(x))) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("dim", "degree"), CASES)
@pytest.mark.parametrize("radius", [100.0, 0.5])  # inside, and in the tails
def test_its_slope_is_that_of_differences(dim, degree, radius):
    _, surrogate = polynomial(dim, degree, radius)
    x = np.random.default_rng(2).normal(size=dim) + 1.0
    steps = 1e-6 * np.eye(dim)
    differences = [(surrogate(x + h) - surrogate(x - h)) / 2e-6 for h in steps]
    both = [jax.grad(surrogate)(jnp.asarray(x)), jax.jacfwd(surrogate)(jnp.asarray(x))]
    for slope in both:
        np.testing.assert_allclose(slope, np.array(differences), rtol=1e-6, atol=1e-6)
    # Forward over reverse: how Newton sweeps differentiate a step.
    curvature = jax.jacfwd(jax.grad(surrogate))(jnp.asarray(x))
    rows = [jax.grad(surrogate)(x + h) - jax.grad(surrogate)(x - h) for h in steps]
    np.testing.assert_allclose(curvature, np.array(rows) / 2e-6, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_beyond_its_radius_it_falls_along_the_ray(degree):
    _, surrogate = polynomial(3, degree, radius=1.5)
    ray = np.linalg.solve(surrogate.whitening, np.array([0.6, 0.0, 0.8]))
    edge, beyond, far = (
        float(surrogate(jnp.asarray(surrogate.center + r * ray))) for r in (1.5, 2.5, 1e6)
    )
    assert beyond == pytest.approx(edge - 1.0)
    assert far == pytest.approx(edge - (1e6 - 1.5))


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan, 1e200])
def test_positions_that_are_no_numbers_have_no_density(bad):
    _, surrogate = polynomial(3, 4)
    x = jnp.asarray(surrogate.center).at[1].set(bad)
    assert surrogate(x) == -jnp.inf
    assert np.isfinite(jax.grad(surrogate)(jnp.asarray(surrogate.center))).all()


def test_another_fit_of_the_same_degree_compiles_nothing():
    traces = []

    @jax.jit
    def evaluate(surrogate, x):
        traces.append(surrogate.degree)
        return surrogate(x)

    for radius in (1.0, 2.0):
        evaluate(polynomial(3, 4, radius)[1], np.zeros(3))
    assert traces == [4]


def test_float32(float32):
    _, surrogate = polynomial(3, 4)
    single = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), surrogate)
    value, slope = jax.value_and_grad(single)(jnp.zeros(3, jnp.float32))
    assert value.dtype == slope.dtype == jnp.float32


@pytest.mark.parametrize(("dim", "degree"), CASES)
def test_monomials_and_their_slopes(dim, degree):
    rows = np.random.default_rng(0).normal(size=(4, dim))
    assert len(monomials(dim, degree)) == n_monomials(dim, degree)
    values = design(rows, degree)
    for i in range(len(values[0])):
        one = np.eye(len(values[0]))[i]
        assert values[2, i] == pytest.approx(textbook(one, dim, degree, rows[2]))
    h = 1e-6
    for k, unit in enumerate(np.eye(dim)):
        differences = (design(rows + h * unit, degree) - design(rows - h * unit, degree)) / (2 * h)
        np.testing.assert_allclose(slopes(rows, degree)[:, k], differences, rtol=1e-5, atol=1e-7)
