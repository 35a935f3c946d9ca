import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc import solvers
from pmcmc.solvers import DiagonalBlocks
from pmcmc.solvers.newton.bases import eigenbasis

from ..helpers.recursions import loop


def test_jacobian_basis_makes_a_rotated_recursion_diagonal():
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    matrix = rotation @ np.diag([0.9, 0.5, -0.7]) @ rotation.T
    inputs = np.random.default_rng(1).normal(size=(60, 3))
    oracle = loop(lambda s, u: matrix @ s + u, np.ones(3), inputs)
    sweeps = {}
    for basis in (None, "jacobian"):
        solver = pmcmc.ParallelNewton(basis=basis, window=60)
        found = pmcmc.solve(
            lambda s, u: jnp.asarray(matrix) @ s + u, np.ones(3), inputs, solver=solver
        )
        np.testing.assert_allclose(found.states, oracle, atol=1e-9)
        sweeps[basis] = int(found.sweeps)
    assert sweeps["jacobian"] == 2
    assert sweeps[None] > 5


def test_jacobian_basis_of_position_and_momentum_is_shared():
    # A leapfrog step of a correlated normal, with friction: 2 x 2 blocks are diagonal in the
    # eigenvectors of its precision.
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    precision = rotation @ np.diag([1.0, 3.0, 9.0]) @ rotation.T

    def step(s, u, matrix):
        position = s[:3] + 0.3 * s[3:]
        return position, 0.9 * (s[3:] - 0.3 * matrix @ position) + u

    inputs = np.random.default_rng(3).normal(size=(50, 3))
    oracle = loop(lambda s, u: np.concatenate(step(s, u, precision)), np.ones(6), inputs)
    solver = pmcmc.ParallelNewton(jacobian=DiagonalBlocks(), basis="jacobian", window=50)
    found = pmcmc.solve(
        lambda s, u: jnp.concatenate(step(s, u, jnp.asarray(precision))),
        np.ones(6),
        inputs,
        solver=solver,
    )
    np.testing.assert_allclose(found.states, oracle, atol=1e-8)
    assert found.sweeps == 2


def test_eigenbasis_is_that_of_the_symmetric_part_and_survives_nan():
    matrix = np.random.default_rng(4).normal(size=(4, 4))
    basis = np.asarray(eigenbasis(jnp.asarray(matrix)))
    rotated = basis.T @ (matrix + matrix.T) @ basis
    np.testing.assert_allclose(rotated, np.diag(np.diag(rotated)), atol=1e-12)
    np.testing.assert_array_equal(eigenbasis(jnp.full((2, 2), jnp.nan)), np.eye(2))


@pytest.mark.parametrize("basis", ["hessian", pytest.param("jacobian", marks=pytest.mark.slow)])
def test_sample_finds_a_basis_for_a_correlated_normal(basis):
    rotation = np.linalg.qr(np.random.default_rng(5).normal(size=(4, 4)))[0]
    precision = rotation @ np.diag([1.0, 2.0, 4.0, 20.0]) @ rotation.T

    def logdensity(x):
        return -0.5 * x @ jnp.asarray(precision) @ x

    def run(basis):
        solver = pmcmc.ParallelNewton(basis=basis, window=100)
        return pmcmc.sample(
            logdensity, np.ones(4), 100, kernel=pmcmc.MALA(step_size=0.02), solver=solver
        )

    found, plain = run(basis), run(None)
    np.testing.assert_allclose(found.positions, plain.positions, atol=1e-9)
    assert found.info.sweeps[0] < plain.info.sweeps[0]
    np.testing.assert_allclose(
        np.abs(np.asarray(found.info.solver.basis).T @ rotation).max(axis=0), 1.0, atol=1e-3
    )
    assert found.info.seconds_setup > 0


@pytest.mark.parametrize(
    ("rank", "solver"),
    [
        (2, "quasi"),
        (1, "block"),
        pytest.param(1, "quasi", marks=pytest.mark.slow),
        pytest.param(2, "block", marks=pytest.mark.slow),
    ],
)
def test_the_basis_makes_the_metric_diagonal_too(rank, solver):
    # A normal target in its own metric: steps of MALA and of leapfrog have Jacobians that commute
    # with neither Hessian nor metric, but are diagonal in the directions of both.
    rotation = np.linalg.qr(np.random.default_rng(5).normal(size=(4, 4)))[0]
    precision = rotation @ np.diag([1.0, 3.0, 30.0, 300.0]) @ rotation.T
    metric = np.linalg.inv(precision) + np.diag([0.0, 0.1, 0.2, 0.3])
    metric = np.diag(metric) if rank == 1 else metric
    kernel = (
        pmcmc.MALA(0.01 if rank == 1 else 0.05, metric)
        if solver == "quasi"
        else pmcmc.HMC(0.1, 12, metric)
    )

    def logdensity(x):
        return -0.5 * x @ jnp.asarray(precision) @ x

    def run(basis):
        if solver == "quasi":
            method = pmcmc.ParallelNewton(basis=basis, window=50)
        else:
            blocks = solvers.DiagonalBlocks()
            method = solvers.Nested(pmcmc.ParallelNewton(jacobian=blocks, basis=basis, window=11))
        return pmcmc.sample(logdensity, np.ones(4), 50, kernel=kernel, solver=method)

    found, hessian, plain = run("hessian"), run(rotation), run(None)
    loop = pmcmc.sample(logdensity, np.ones(4), 50, kernel=kernel, solver="sequential")
    for result in (found, hessian, plain):
        np.testing.assert_allclose(result.positions, loop.positions, atol=1e-8)
    if solver == "block":
        # Each trajectory: Newton, and the check; the first ones show how far trajectories go.
        assert 50 * 2 <= found.info.sweeps[0] <= 50 * 2 + 4
        assert found.info.sweeps[0] < 0.7 * min(plain.info.sweeps[0], hessian.info.sweeps[0])
    else:
        assert found.info.sweeps[0] < 0.7 * plain.info.sweeps[0]
