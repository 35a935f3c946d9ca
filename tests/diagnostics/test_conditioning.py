"""Numbers of the theory against dense matrices in NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest

from pmcmc import diagnostics

from ..helpers.recursions import loop

T = 12
MIX = np.random.default_rng(0).normal(size=(2, 2))
INPUTS = 0.5 * np.random.default_rng(1).normal(size=(T, 2))


def step(s, u):
    return jnp.tanh(jnp.asarray(MIX) @ s + u)


def dense():
    """The Jacobians along the chain, and the matrix of the residual's derivative."""
    states = np.vstack([np.zeros(2), loop(lambda s, u: np.tanh(MIX @ s + u), np.zeros(2), INPUTS)])
    jacobians = [(1 - s**2)[:, None] * MIX for s in states[1:]]
    matrix = np.eye(2 * T)
    for t in range(1, T):
        matrix[2 * t : 2 * t + 2, 2 * t - 2 : 2 * t] = -jacobians[t]
    return states, jacobians, matrix


def test_singular_values_are_those_of_the_dense_matrix():
    _, _, matrix = dense()
    values = np.linalg.svd(matrix, compute_uv=False)
    found = diagnostics.conditioning(step, np.zeros(2), INPUTS)
    np.testing.assert_allclose(found.smallest, values[-1], rtol=1e-4)
    np.testing.assert_allclose(found.largest, values[0], rtol=1e-4)
    np.testing.assert_allclose(found.condition_number, values[0] / values[-1], rtol=1e-4)


def test_shoots_are_those_of_all_products_and_make_the_bounds_hold():
    _, jacobians, matrix = dense()
    found = diagnostics.conditioning(step, np.zeros(2), INPUTS)
    exponent = float(found.exponent)
    ratios = [1.0]
    for first in range(1, T):
        product = np.eye(2)
        for k in range(T - first):
            product = jacobians[first + k] @ product
            ratios.append(np.linalg.norm(product, ord=2) * np.exp(-exponent * (k + 1)))
    np.testing.assert_allclose(found.overshoot, max(ratios), rtol=1e-9)
    np.testing.assert_allclose(found.undershoot, min(ratios), rtol=1e-9)
    lower, upper = diagnostics.pl_bounds(
        exponent, T, a=float(found.overshoot), b=float(found.undershoot)
    )
    assert lower <= np.linalg.svd(matrix, compute_uv=False)[-1] <= upper


def test_curvature_is_that_of_finite_differences_and_sets_the_basin():
    states, _, _ = dense()
    largest = 0.0
    for before, u in zip(states[:-1], INPUTS, strict=True):

        def jacobian(s, u=u):
            return (1 - np.tanh(MIX @ s + u) ** 2)[:, None] * MIX

        second = [
            (jacobian(before + 1e-5 * e) - jacobian(before - 1e-5 * e)) / 2e-5 for e in np.eye(2)
        ]
        largest = max(largest, np.sqrt(np.sum(np.square(second))))
    found = diagnostics.conditioning(step, np.zeros(2), INPUTS)
    np.testing.assert_allclose(found.curvature, largest, rtol=1e-6)
    expected = 2 * float(found.smallest) ** 2 / largest
    np.testing.assert_allclose(found.basin_radius, expected, rtol=1e-6)


@pytest.mark.parametrize(("factor", "horizon"), [(0.5, np.inf), (1.25, 1 / np.log(1.25))])
def test_horizon_of_a_factor_is_the_inverse_of_its_log(factor, horizon):
    found = diagnostics.conditioning(lambda s, u: factor * s + u, np.ones(1), np.zeros(20))
    np.testing.assert_allclose(found.horizon, horizon, rtol=1e-9)
    np.testing.assert_allclose([found.overshoot, found.undershoot], 1.0, rtol=1e-9)
    assert found.basin_radius == np.inf
