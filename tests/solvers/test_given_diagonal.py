"""Structures that see the input, and those that need no derivative of the step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc.solvers import Dense, Diagonal, Differences, GivenDiagonal, Lagged

from ..helpers.recursions import loop

MIX = 0.4 * np.random.default_rng(0).normal(size=(4, 4))
INPUTS = np.random.default_rng(1).normal(size=(50, 4))
ORACLE = loop(lambda s, u: np.tanh(MIX @ s + u), np.zeros(4), INPUTS)


def step(s, u):
    return jnp.tanh(jnp.asarray(MIX) @ s + u)


def closed_form(s, u):
    return jnp.asarray(np.diag(MIX)) * (1 - jnp.tanh(jnp.asarray(MIX) @ s + u) ** 2)


def called_back(s, u):
    """The same step in NumPy, of which JAX knows no derivative."""

    def on_host(s, u):
        return np.tanh(np.einsum("ij,...j->...i", MIX, s) + u)

    return jax.pure_callback(
        on_host, jax.ShapeDtypeStruct(s.shape, s.dtype), s, u, vmap_method="expand_dims"
    )


def run(function, jacobian):
    solver = pmcmc.ParallelNewton(jacobian=jacobian, window=50, fallback=None)
    found = pmcmc.solve(function, np.zeros(4), INPUTS, solver=solver)
    assert found.converged
    np.testing.assert_allclose(found.states, ORACLE, atol=1e-10)
    return int(found.sweeps)


def test_a_diagonal_in_closed_form_takes_the_sweeps_of_the_exact_one():
    exact = run(step, Diagonal(n_probes=None))
    assert run(step, GivenDiagonal(closed_form)) == exact
    assert run(called_back, GivenDiagonal(closed_form)) == exact
    assert run(step, Lagged(GivenDiagonal(closed_form), every=1)) == exact
    assert run(step, GivenDiagonal(lambda s, u: -5.0)) > exact  # wrong, and still the solution


@pytest.mark.parametrize("jacobian", [Dense(), Diagonal(n_probes=None)])
def test_differences_sweep_a_step_that_has_no_derivative(jacobian):
    exact = run(step, jacobian)
    assert run(called_back, Differences(jacobian)) <= exact + 1


def test_differences_are_near_the_derivative():
    state, u = jnp.array([0.1, -0.4, 0.7, 0.2]), jnp.asarray(INPUTS[0])
    expected = (1 - np.tanh(MIX @ state + u) ** 2)[:, None] * MIX
    for scale, error in ((None, 1e-7), (1e-2, 3e-2)):
        structure = Differences(Dense(), scale)
        found = structure.linearize_at(
            lambda s, u: (step(s, u), None), state, u, _no_basis(), jax.random.key(0)
        )[2]
        np.testing.assert_allclose(found, expected, atol=error)
        assert scale is None or np.abs(found - expected).max() > 1e-4


def _no_basis():
    return pmcmc.solvers.newton.coordinates.Coordinates.of(None)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match=r"diagonal must be a function.*GivenDiagonal"):
        GivenDiagonal(np.ones(4))
    with pytest.raises(ValueError, match=r"diagonal of GivenDiagonal must return.*shape \(4,\)"):
        run(step, GivenDiagonal(lambda s, u: jnp.ones(3)))
    solver = pmcmc.ParallelNewton(jacobian=GivenDiagonal(closed_form), basis=np.eye(4))
    with pytest.raises(ValueError, match=r"GivenDiagonal.*write basis=None"):
        pmcmc.solve(step, np.zeros(4), INPUTS, solver=solver)
    with pytest.raises(TypeError, match=r"GivenDiagonal needs the input.*linearize_at"):
        GivenDiagonal(closed_form).linearize(None, None, None, None)
    with pytest.raises(ValueError, match=r"structure must be an instance.*Diagonal\(\)"):
        Differences(None)
    with pytest.raises(ValueError, match=r"scale must be a positive"):
        Differences(Diagonal(), scale=0.0)


def test_solve_takes_probes_by_the_size_of_the_state():
    # A fixed start, so that the counts are those of these numbers.
    rng = np.random.default_rng(0)
    matrix = 0.6 / np.sqrt(80) * rng.normal(size=(80, 80))
    inputs = 0.1 * rng.normal(size=(100, 80))

    def network(s, u):
        return jnp.asarray(matrix) @ jnp.tanh(s) + u

    oracle = loop(lambda s, u: matrix @ np.tanh(s) + u, np.ones(80), inputs)
    sweeps = []
    for n_probes in ("auto", 1, 16, None):
        solver = pmcmc.ParallelNewton(jacobian=Diagonal(n_probes), window=100)
        found = pmcmc.solve(network, np.ones(80), inputs, solver=solver)
        np.testing.assert_allclose(found.states, oracle, atol=1e-10)
        sweeps.append(int(found.sweeps))
    auto, one, sixteen, exact = sweeps
    assert exact <= auto == sixteen < one
    assert run(step, Diagonal()) == run(step, Diagonal(n_probes=None))
