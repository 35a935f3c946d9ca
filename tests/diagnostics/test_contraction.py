import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc import diagnostics
from pmcmc.solvers import ELK, Clip, Dense, Diagonal, Scale, ScaledIdentity

from ..helpers.recursions import RECURSIONS, draw, loop, two_well_langevin, two_well_langevin_numpy

DECAY = np.array([0.9, 0.5])
MIX = np.array([[0.6, 0.3], [-0.2, 0.5]])
INPUTS = np.random.default_rng(0).normal(size=(30, 2))


def affine(s, u):
    return jnp.asarray(MIX) @ s + u


def test_exponent_of_a_linear_recurrence_is_the_log_of_its_largest_factor():
    inputs = np.zeros((4000, 2))
    got = diagnostics.lyapunov_exponent(lambda s, u: jnp.asarray(DECAY) * s + u, np.ones(2), inputs)
    np.testing.assert_allclose(got, np.log(0.9), atol=1e-3)


def test_exponent_of_a_nonlinear_recursion_is_that_of_the_product_of_jacobians():
    step, step_numpy = RECURSIONS["tanh network"]
    inputs = draw(0, 200)
    s0 = np.full(4, 0.3)
    states = np.vstack([s0, loop(step_numpy, s0, inputs)])
    vector = np.random.default_rng(1).normal(size=4)
    growth = 0.0
    for t in range(200):
        u = {name: rows[t] for name, rows in inputs.items()}
        shifts = [1e-6 * e for e in np.eye(4)]
        center = states[t]
        jacobian = np.stack(
            [(step_numpy(center + d, u) - step_numpy(center - d, u)) / 2e-6 for d in shifts], axis=1
        )
        vector = jacobian @ vector
        growth += np.log(np.linalg.norm(vector))
        vector /= np.linalg.norm(vector)
    got = diagnostics.lyapunov_exponent(step, s0, inputs)
    np.testing.assert_allclose(got, growth / 200, atol=0.02)


def test_two_well_langevin_contracts_as_published():
    # Gonzalez (2026): -0.0145 for a step size of 0.01, in the mean.
    inputs = np.random.default_rng(2).normal(size=(10_000, 2))
    got = diagnostics.lyapunov_exponent(two_well_langevin, np.zeros(2), inputs)
    assert abs(got + 0.0145) < 0.005


def inverse_of(blocks, gains=None):
    """The inverse of the block bidiagonal matrix with `-blocks` below a diagonal of identities."""
    n, dim = len(blocks), len(blocks[0])
    matrix = np.eye(n * dim)
    for t in range(1, n):
        matrix[t * dim : (t + 1) * dim, (t - 1) * dim : t * dim] = -blocks[t]
    return np.linalg.inv(matrix)


@pytest.mark.parametrize(
    ("jacobian", "damping", "basis", "stand_in"),
    [
        (Dense(), None, None, MIX),
        (Diagonal(None), None, None, np.diag(np.diag(MIX))),
        (Dense(), Scale(0.3), None, 0.7 * MIX),
        (Diagonal(None), Clip(0.55), None, np.diag([0.55, 0.5])),
        (ScaledIdentity(1.0), None, None, np.eye(2)),
        (ScaledIdentity(0.0), None, None, np.zeros((2, 2))),
    ],
)
def test_mismatch_is_that_of_dense_matrices(jacobian, damping, basis, stand_in):
    solver = pmcmc.ParallelNewton(jacobian=jacobian, damping=damping, basis=basis)
    got = diagnostics.jacobian_mismatch(affine, np.zeros(2), INPUTS, solver=solver)
    mismatch = np.linalg.norm(stand_in - MIX, ord=2)
    inverse_norm = np.linalg.norm(inverse_of([stand_in] * 30), ord=2)
    np.testing.assert_allclose(got.mismatch, mismatch, atol=1e-12)
    np.testing.assert_allclose(got.inverse_norm, inverse_norm, rtol=1e-4)
    np.testing.assert_allclose(got.gamma, mismatch * inverse_norm, rtol=1e-4, atol=1e-12)


def test_mismatch_of_elk_bounds_what_a_sweep_leaves_of_the_error():
    # The error after a sweep is a linear map of the error before, for a linear recurrence.
    solver = pmcmc.ParallelNewton(jacobian=Dense(), damping=ELK(0.1), basis=None)
    got = diagnostics.jacobian_mismatch(affine, np.zeros(2), INPUTS, solver=solver)
    errors = diagnostics.error_per_sweep(affine, np.zeros(2), INPUTS, solver=solver, n_sweeps=6)
    rate = (errors[6] / errors[2]) ** (1 / 4)
    assert 0.01 < rate <= got.gamma
    predicted, largest = np.eye(2), 0.0  # covariance, from the second step on
    for _ in INPUTS[1:]:
        largest = max(largest, np.linalg.norm(predicted, ord=2))
        filtered = np.linalg.inv(np.linalg.inv(predicted) + 0.1 * np.eye(2))
        predicted = MIX @ filtered @ MIX.T + np.eye(2)
    np.testing.assert_allclose(got.mismatch, 0.1 * largest, rtol=1e-9)
    undamped = pmcmc.ParallelNewton(jacobian=Dense(), damping=ELK(0.0), basis=None)
    none = diagnostics.jacobian_mismatch(affine, np.zeros(2), INPUTS, solver=undamped)
    assert none.mismatch < 1e-12


def test_norm_of_picard_s_inverse_is_the_published_one():
    # 1 / (2 sin(pi / (2 (2 T + 1)))): Gonzalez (2026).
    for length in (5, 40):
        inputs = np.zeros((length, 2))
        got = diagnostics.jacobian_mismatch(affine, np.zeros(2), inputs, solver="picard")
        expected = 1 / (2 * np.sin(np.pi / (2 * (2 * length + 1))))
        np.testing.assert_allclose(got.inverse_norm, expected, rtol=1e-5)


@pytest.mark.parametrize("decay", [0.9, 1.0, 1.05])
def test_bounds_hold_the_smallest_singular_value(decay):
    for length in (1, 10, 60):
        lower, upper = diagnostics.pl_bounds(float(np.log(decay)), length)
        inverse = inverse_of([np.array([[decay]])] * length)
        smallest = 1 / np.linalg.norm(inverse, ord=2)
        assert lower <= smallest * (1 + 1e-12)
        assert smallest <= upper * (1 + 1e-12)
    assert diagnostics.pl_bounds(0.1, 10**6)[0] == 0.0


@pytest.mark.parametrize("alpha", [0.9, 0.5])
def test_jacobi_s_error_falls_by_the_factor_of_the_recurrence(alpha):
    errors = diagnostics.error_per_sweep(
        lambda s, u: alpha * s, np.ones(2), np.zeros(300), solver="jacobi", n_sweeps=8
    )
    np.testing.assert_allclose(errors[1:] / errors[:-1], alpha, rtol=5e-4)


def test_newton_solves_a_linear_recurrence_in_one_sweep_whatever_the_window():
    errors = diagnostics.error_per_sweep(affine, np.zeros(2), INPUTS, solver="newton", n_sweeps=2)
    assert errors[0] > 1
    assert errors[1] < 1e-12
    found = pmcmc.solve(affine, np.zeros(2), INPUTS, solver="newton")
    assert found.sweeps == 2  # the second one is the check


def test_mismatch_finds_the_basis_that_has_a_name():
    matrix = np.array([[0.6, 0.3], [0.3, 0.1]])  # symmetric: diagonal in the basis of its Jacobian
    step = lambda s, u: jnp.asarray(matrix) @ s + u  # noqa: E731
    found = {
        basis: diagnostics.jacobian_mismatch(
            step, np.zeros(2), INPUTS, solver=pmcmc.ParallelNewton(basis=basis)
        ).mismatch
        for basis in ("jacobian", None)
    }
    assert found["jacobian"] < 1e-12
    assert found[None] > 0.1
    with pytest.raises(ValueError, match="basis='hessian' needs a log density"):
        diagnostics.jacobian_mismatch(
            step, np.zeros(2), INPUTS, solver=pmcmc.ParallelNewton(basis="hessian")
        )


@pytest.mark.parametrize("n_steps", [1, 2, 7, 30])
def test_pl_bounds_at_exponent_zero_are_met_by_products_that_keep_lengths(n_steps):
    _, upper = diagnostics.pl_bounds(0.0, n_steps)
    np.testing.assert_allclose(upper, 2 * np.sin(np.pi / (4 * n_steps + 2)), rtol=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_pl_bounds_hold_for_any_jacobians(seed):
    rng = np.random.default_rng(seed)
    n_steps, exponent = int(rng.integers(2, 9)), 0.4 * rng.normal() * (seed % 4 > 0)
    jacobians = np.exp(0.5 * rng.normal()) * rng.normal(size=(n_steps, 2, 2))
    norms = []
    for i in range(1, n_steps):
        product = np.eye(2)
        for k in range(i, n_steps):
            product = jacobians[k] @ product
            norms.append(np.linalg.norm(product, ord=2) * np.exp(-exponent * (k - i + 1)))
    lower, upper = diagnostics.pl_bounds(exponent, n_steps, a=max(1.0, *norms), b=min(norms))
    smallest = 1 / np.linalg.norm(inverse_of(jacobians), ord=2)
    assert lower * (1 - 1e-9) <= smallest <= upper * (1 + 1e-9)


def test_error_per_sweep_starts_from_the_guess():
    found = loop(lambda s, u: MIX @ s + u, np.zeros(2), INPUTS)
    errors = diagnostics.error_per_sweep(affine, np.zeros(2), INPUTS, n_sweeps=1)
    np.testing.assert_allclose(errors[0], np.abs(found).max(), rtol=1e-12)


def test_newton_sweeps_of_two_well_langevin_grow_slowly():
    """At most 40 sweeps for each of 20 chains from standard normal guesses (Gonzalez, 2026: 35).

    These are chains like any others: of 80 more, 77 take at most 40, the others 44 to 48.
    """

    length = 10_000
    solver = pmcmc.ParallelNewton(
        jacobian=Dense(), guess=pmcmc.solvers.RandomGuess(), window=length, fallback=None
    )
    noise = np.random.default_rng(3).normal(size=(20, length, 2))
    recursion = pmcmc.solvers.Recursion(
        lambda s: s, lambda s, u: (two_well_langevin(s, u), None), lambda s: s
    )
    starts = jnp.zeros((20, 2))
    found = jax.jit(lambda u: solver.run(recursion, starts, u, length))(jnp.asarray(noise))
    assert np.all(found.scaled_residual <= 1)
    assert np.all(found.sequential_steps == 0)
    assert np.all(found.sweeps <= 40), found.sweeps
    oracle = loop(two_well_langevin_numpy, np.zeros(2), noise[0])
    np.testing.assert_allclose(found.states[0], oracle, atol=1e-8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: diagnostics.lyapunov_exponent(affine, np.zeros(2), INPUTS, n_starts=0),
            "n_starts",
        ),
        (lambda: diagnostics.lyapunov_exponent(affine, np.zeros(3, int), INPUTS), "s0 must be"),
        (
            lambda: diagnostics.jacobian_mismatch(affine, np.zeros(2), INPUTS, solver="sequential"),
            "solver must be a method of parallel sweeps, got 'sequential'",
        ),
        (lambda: diagnostics.jacobian_mismatch(affine, np.zeros(2), INPUTS[0, 0]), "leading axis"),
        (lambda: diagnostics.pl_bounds(np.nan, 10), "exponent must be a finite number"),
        (lambda: diagnostics.pl_bounds(0.1, 0), "n_steps must be a positive integer"),
        (lambda: diagnostics.pl_bounds(0.1, 5, a=-1.0), "a must be a positive"),
        (
            lambda: diagnostics.error_per_sweep(affine, np.zeros(2), INPUTS, n_sweeps=0),
            "n_sweeps must be a positive integer",
        ),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
