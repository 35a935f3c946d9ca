"""Damping against textbook arithmetic."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc.solvers import (
    ELK,
    Clip,
    Damping,
    Dense,
    Diagonal,
    DiagonalBlocks,
    Scale,
    ScaledIdentity,
)
from pmcmc.solvers.newton import scan
from pmcmc.solvers.newton.damping import elk
from pmcmc.solvers.newton.damping.base import UNKNOWN, Recurrence
from pmcmc.solvers.place import InOrder

from ..helpers.recursions import loop
from .test_structures import to_dense

WINDOW, DIM = 9, 4
RNG = np.random.default_rng(3)
OFFSETS = RNG.normal(size=(WINDOW, DIM))
MATRICES = {
    "dense": (Dense(), RNG.normal(size=(WINDOW, DIM, DIM))),
    "diagonal": (Diagonal(), 1.5 * RNG.normal(size=(WINDOW, DIM))),
    "blocks": (DiagonalBlocks(), RNG.normal(size=(WINDOW, 2, 2, DIM // 2))),
    "scalar": (ScaledIdentity(), RNG.normal(size=WINDOW)),
}


def kalman_filter(matrices, offsets, penalty):
    """Means of the filter as the textbook has it: observations of zero, variance 1 / penalty."""
    penalties = np.broadcast_to(penalty, len(offsets))
    mean, covariance = np.zeros(DIM), np.zeros((DIM, DIM))
    means = []
    for t, (matrix, offset) in enumerate(zip(matrices, offsets, strict=True)):
        mean = matrix @ mean + offset
        noise = np.eye(DIM) if t else np.zeros((DIM, DIM))  # the first step is exact
        covariance = matrix @ covariance @ matrix.T + noise
        gain = covariance @ np.linalg.inv(covariance + np.eye(DIM) / penalties[t])
        mean = mean - gain @ mean
        covariance = covariance - gain @ covariance
        means.append(mean)
    return np.array(means)


def solution(structure, recurrence):
    return scan.affine_scan(structure, recurrence.matrices, recurrence.offsets)


@pytest.mark.parametrize("penalty", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("in_order", [True, False])
def test_elk_is_a_kalman_filter(name, penalty, in_order, monkeypatch):
    monkeypatch.setattr(scan, "is_in_order", lambda: in_order)
    structure, matrices = MATRICES[name]
    dense = [to_dense(structure, matrix, DIM) for matrix in matrices]
    recurrence = Recurrence(jnp.asarray(matrices), jnp.asarray(OFFSETS), jnp.arange(WINDOW))
    damped = ELK(penalty).damp(structure, recurrence, ())
    expected = kalman_filter(dense, OFFSETS, penalty)
    np.testing.assert_allclose(solution(structure, damped), expected, rtol=1e-7, atol=1e-10)
    norms = [np.linalg.norm(to_dense(structure, matrix, DIM), ord=2) for matrix in damped.matrices]
    bounds = np.array([np.linalg.norm(matrix, ord=2) for matrix in dense]) / (1 + penalty)
    assert np.all(np.array(norms[1:]) <= bounds[1:] * (1 + 1e-9))


@pytest.mark.parametrize("name", MATRICES)
def test_elk_without_penalty_is_no_damping(name):
    structure, matrices = MATRICES[name]
    recurrence = Recurrence(jnp.asarray(matrices), jnp.asarray(OFFSETS), jnp.arange(WINDOW))
    damped = ELK(0.0).damp(structure, recurrence, ())
    np.testing.assert_allclose(damped.matrices, matrices, rtol=1e-14)
    np.testing.assert_allclose(damped.offsets, OFFSETS, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_elk_stays_finite_for_enormous_matrices(dtype):
    matrices = np.array([1.0, 1.0, 1e30, -1e37, 1e20, 0.0], dtype)[:, None]
    recurrence = Recurrence(jnp.asarray(matrices), jnp.ones((6, 1), dtype), jnp.arange(6))
    damped = ELK(0.5).damp(Diagonal(), recurrence, ())
    assert np.isfinite(damped.matrices).all()
    assert np.abs(solution(Diagonal(), damped)).max() < 10


def test_penalty_follows_the_merit():
    damping = ELK(1.0, is_adaptive=True)
    state = damping.init(np.float64)
    state = damping.adapt(state, jnp.nan, 5.0)  # nothing was known before the first sweep
    assert state == 1.0
    assert damping.adapt(state, 5.0, 4.9) == 0.25
    assert damping.adapt(state, 5.0, 5.1) == 4.0
    assert damping.adapt(state, 5.0, jnp.nan) == 4.0
    assert damping.adapt(state, 5.0, jnp.inf) == 4.0
    for _ in range(50):
        state = damping.adapt(state, 5.0, 4.0)
    assert 0 < state <= 1e-8


def test_adaptive_penalty_ends_near_newton():
    # A penalty as large as this one, fixed, makes hardly any progress beyond one step a sweep.
    inputs = np.random.default_rng(0).normal(size=(200, 1))
    sweeps = {
        is_adaptive: pmcmc.solve(
            lambda s, u: 0.99 * s + 0.1 * jnp.sin(s) + u,
            np.zeros(1),
            inputs,
            solver=pmcmc.ParallelNewton(
                jacobian=Dense(), damping=ELK(100.0, is_adaptive=is_adaptive), window=200
            ),
        ).sweeps
        for is_adaptive in (False, True)
    }
    assert sweeps[True] < 40
    assert sweeps[False] > 150


def test_scale_takes_a_number_a_step():
    structure, matrices = MATRICES["dense"]
    steps = jnp.arange(5, 5 + WINDOW)
    recurrence = Recurrence(jnp.asarray(matrices), jnp.asarray(OFFSETS), steps)
    k = np.linspace(0, 1, 20)
    damped = Scale(k).damp(structure, recurrence, ())
    np.testing.assert_allclose(damped.matrices, (1 - k[5:14])[:, None, None] * matrices)
    np.testing.assert_array_equal(damped.offsets, OFFSETS)
    of_segment = Scale(k).segment(15, 8)
    np.testing.assert_allclose(of_segment.k, [*k[15:], k[-1], k[-1], k[-1]])


def test_a_sweep_of_elk_ends_at_the_filtered_means():
    matrix = RNG.normal(size=(DIM, DIM)) / 2
    solver = pmcmc.ParallelNewton(
        jacobian=Dense(), damping=ELK(0.7), window=WINDOW, fallback=None, max_sweeps=2
    )  # one sweep, and the check
    found = pmcmc.solve(
        lambda s, u: jnp.asarray(matrix) @ s + u, np.zeros(DIM), OFFSETS, solver=solver
    )
    expected = kalman_filter([matrix] * WINDOW, OFFSETS, 0.7)
    np.testing.assert_allclose(found.states, expected, rtol=1e-10)


def growth(s, u):
    """Growth to a capacity in a fluctuating environment (Beverton & Holt, 1957).

    Near zero every step multiplies by 2, so that products of slopes overflow where all of a long
    chain is guessed to be there; at the capacity it contracts.
    """
    return 2 * s / (1 + abs(s)) * np.exp(0.1) ** u


@pytest.mark.parametrize(
    ("damping", "jacobian"),
    [(Clip(), Diagonal()), (ELK(), Diagonal()), (ELK(), Dense()), (ELK(0.5, True), Diagonal())],
)
def test_an_unstable_stretch_is_solved_without_a_reset(damping, jacobian):
    start, inputs = np.full(1, 1e-3), np.random.default_rng(4).normal(size=(2000, 1))
    oracle = loop(growth, start, inputs)

    def run(damping, jacobian):
        solver = pmcmc.ParallelNewton(
            jacobian=jacobian, damping=damping, window=2000, fallback=None, n_logged_sweeps=200
        )
        found = pmcmc.solve(growth, start, inputs, solver=solver)
        assert found.converged
        np.testing.assert_allclose(found.states, oracle, atol=1e-9)
        return int(found.sweeps), int(found.sweep_log.reset.max())

    assert run(None, Diagonal())[1] > 0
    sweeps, n_reset = run(damping, jacobian)
    assert n_reset == 0
    assert sweeps < 100


class Spy(Damping):
    """Damps nothing, and notes the merits."""

    seen: ClassVar[list] = []

    def damp(self, structure, recurrence, state):
        return recurrence

    def adapt(self, state, before, now):
        jax.debug.callback(lambda b, n: self.seen.append((float(b), float(n))), before, now)
        return state


def test_merit_compares_the_same_steps():
    solver = pmcmc.ParallelNewton(jacobian=ScaledIdentity(0.0), damping=Spy(), window=6)
    pmcmc.solve(lambda s, u: 0.5 * s + u, np.zeros(1), np.ones((12, 1)), solver=solver)
    jax.effects_barrier()
    assert Spy.seen[0][0] == UNKNOWN
    # Jacobi's method from zero on s' = s / 2 + 1: the six residuals of the first sweep are 1; then
    # the first step is finished and the residuals of the other five are 1/2. The step that entered
    # was not seen before.
    assert Spy.seen[1] == (6.0, 5 * 0.25)


def test_a_clip_may_have_two_bounds_where_the_matrix_is_diagonal():
    structure, matrices = MATRICES["diagonal"]
    recurrence = Recurrence(jnp.asarray(matrices), jnp.asarray(OFFSETS), jnp.arange(WINDOW))
    damped = Clip(rho=0.8, low=0.0).damp(structure, recurrence, ())
    np.testing.assert_array_equal(damped.matrices, np.minimum(np.maximum(matrices, 0.0), 0.8))
    with pytest.raises(TypeError, match=r"Dense has no method 'clip_between'"):
        Clip(low=0.0).damp(Dense(), recurrence._replace(matrices=MATRICES["dense"][1]), ())
    with pytest.raises(ValueError, match=r"low must be at least -1 and below rho, got 0\.9"):
        Clip(rho=0.8, low=0.9)


def test_a_sweep_that_overflows_has_an_infinite_merit():
    merits = []

    class Recording(Damping):
        def damp(self, structure, recurrence, state):
            return recurrence

        def adapt(self, state, before, now):
            jax.debug.callback(lambda x: merits.append(float(x)), now, ordered=True)
            return state

    def step(s, u):
        return jnp.where(jnp.abs(s) > 2, 0.1 * s**3, 0.5 * s + u)

    solver = pmcmc.ParallelNewton(
        jacobian=Dense(), damping=Recording(), guess=np.full((60, 1), 1e90),
        window=60, fallback=None, n_logged_sweeps=60,
    )  # fmt: skip
    found = pmcmc.solve(step, np.zeros(1), np.full(60, 0.3), solver=solver)
    jax.effects_barrier()
    overflowed = np.asarray(found.sweep_log.reset)[: int(found.sweeps) - 1] > 0
    assert overflowed.any()
    assert not overflowed.all()
    np.testing.assert_array_equal(np.isinf(merits[1:]), overflowed)


def test_penalties_of_steps_follow_their_residuals():
    residuals = np.array([[0.0, 0.0], [0.0, -1e200], [3e200, 0.0], [1e199, 0.0], [np.nan, 0.0]])
    worst = np.array([0.0, 1e200, 3e200, 3e200, np.inf]) / 1e200
    mean = np.sqrt((1 + 9 + 0.01) / 5)
    got = elk._shares(jnp.asarray(residuals), InOrder())
    np.testing.assert_allclose(got, np.minimum(worst / mean, 1.0))
    np.testing.assert_array_equal(elk._shares(jnp.zeros((3, 2)), InOrder()), 0.0)

    # Kalman filters of which each step is observed with a variance of its own.
    matrices, damping = MATRICES["dense"][1], ELK(0.7, is_adaptive=True)
    offsets = np.linspace(0.1, 2.0, WINDOW)[:, None] * OFFSETS
    recurrence = Recurrence(jnp.asarray(matrices), jnp.asarray(offsets), jnp.arange(WINDOW))
    damped = damping.damp(MATRICES["dense"][0], recurrence, jnp.asarray(0.7))
    sizes = np.maximum.accumulate(np.abs(offsets).max(axis=1))
    mean = np.sqrt(np.mean(np.abs(offsets).max(axis=1) ** 2))
    penalties = 0.7 * np.minimum(sizes / mean, 1.0)
    assert penalties.min() < 0.6 < penalties.max()
    got, expected = (
        solution(MATRICES["dense"][0], damped),
        kalman_filter(matrices, offsets, penalties),
    )
    np.testing.assert_allclose(got, expected, rtol=1e-9)
