"""In `solve`, `atol + rtol * |s|` is a bound that holds and is enough."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc.solvers import PRESETS, Dense, Recursion, ScaledIdentity

from ..helpers.recursions import loop

T = 400
WEIGHTS = 0.5 * np.random.default_rng(0).normal(size=(20, 20)) / np.sqrt(20)
INPUTS = np.random.default_rng(1).normal(size=(T, 20))
DECAYING = np.concatenate([INPUTS[:5], np.zeros((T - 5, 20))])


def network(s, u):
    return jnp.tanh(WEIGHTS @ s + u)


def loose(name, window=T, tolerance=1e-4):
    return dataclasses.replace(PRESETS[name], window=window, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("inputs", [INPUTS, DECAYING], ids=["driven", "decaying"])
@pytest.mark.parametrize(("name", "most_sweeps"), [("newton", 8), ("jacobi", 20), ("quasi", 60)])
def test_a_stable_network_takes_few_sweeps_and_the_bound_holds(name, most_sweeps, inputs):
    found = pmcmc.solve(network, np.zeros(20), inputs, solver=loose(name))
    assert found.converged
    assert found.sweeps <= most_sweeps
    states = np.asarray(found.states)
    previous = np.concatenate([np.zeros((1, 20)), states[:-1]])
    residual = np.abs(states - np.tanh(previous @ WEIGHTS.T + inputs))
    assert np.all(residual <= 1e-4 + 1e-4 * np.abs(states))
    np.testing.assert_allclose(found.residual, residual.max(), atol=1e-12)


def test_a_decay_is_solved_as_far_as_was_asked_for():
    found = pmcmc.solve(
        lambda s, u: 0.5 * s, np.ones(1), np.zeros(200), solver=loose("jacobi", 200)
    )
    assert found.sweeps <= 16  # 0.5**14 < 1e-4
    np.testing.assert_allclose(found.states[:, 0], 0.5 ** np.arange(1, 201), atol=3e-4)


def test_a_chain_that_moves_by_little_is_judged_by_its_moves():
    # Moves of 1e-3: with the bound alone any chain would pass at an atol of 1e-2.
    result = pmcmc.sample(
        lambda x: -0.5e6 * jnp.sum(x**2),
        np.zeros(2),
        100,
        kernel=pmcmc.MALA(5e-7),
        solver=pmcmc.ParallelNewton(atol=1e-2, rtol=1e-2),
    )
    assert result.info.residual[0] < 1e-4


@pytest.mark.parametrize("name", ["newton", "quasi", "jacobi"])
@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e9])
def test_the_backward_pass_takes_sweeps_like_the_forward_one(name, scale, monkeypatch):
    solver = dataclasses.replace(PRESETS[name], window=200)
    sweeps = []
    run = pmcmc.ParallelNewton.run

    def counting(self, recursion, s0, inputs, n_steps):
        result = run(self, recursion, s0, inputs, n_steps)
        jax.debug.callback(lambda n: sweeps.append(int(n[0])), result.sweeps)
        return result

    monkeypatch.setattr(pmcmc.ParallelNewton, "run", counting)

    def loss(weights, solver):
        inputs = INPUTS[:200]
        states = pmcmc.solve(
            lambda s, u: jnp.tanh(weights @ s + u), jnp.zeros(20), inputs, solver=solver
        ).states
        return scale * jnp.sum(states[-1] ** 2)

    gradient = jax.grad(loss)(WEIGHTS, solver)
    jax.effects_barrier()
    forward, backward = sweeps
    assert backward <= 2 * forward
    expected = jax.grad(loss)(WEIGHTS, "sequential")
    largest = np.abs(expected).max()
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-9 * largest)


def test_a_gradient_that_vanishes_is_zero():
    def loss(shift):
        return (
            0.0 * pmcmc.solve(lambda s, u: 0.5 * s + shift, jnp.zeros(1), INPUTS[:20]).states.sum()
        )

    assert jax.grad(loss)(1.0) == 0.0


def test_one_jump_does_not_loosen_the_tolerance_of_the_small_steps_around_it():
    inputs = 0.7e-6 * np.random.default_rng(9).normal(size=(300, 3))[:, :1]
    inputs[0] = 1.0

    def step(s, u):
        return jnp.where(u > 0.5, u, 1.0 + 0.9 * (s - 1.0) + u * jnp.cos(1e6 * s))

    def step_numpy(s, u):
        return u if u > 0.5 else 1.0 + 0.9 * (s - 1.0) + u * np.cos(1e6 * s)

    oracle = loop(step_numpy, np.zeros(1), inputs)
    chain = Recursion(lambda s: s, lambda s, u: (step(s, u), None), lambda s: s, is_chain=True)
    solver = pmcmc.ParallelNewton(rtol=1e-5, atol=1e-5)
    found = jax.jit(lambda u: solver.run(chain, jnp.zeros((1, 1)), u, 300))(inputs[None])
    assert found.scaled_residual[0] <= 1
    assert np.abs(found.states[0] - oracle).max() < 1e-3 * oracle[1:].std()


def decaying_network(n):
    matrix = np.random.default_rng(0).normal(size=(n, n))
    matrix *= 0.5 / np.linalg.norm(matrix, ord=2)
    return (lambda s, u: jnp.tanh(jnp.asarray(matrix) @ s)), lambda s, u: np.tanh(matrix @ s)


@pytest.mark.parametrize(
    ("recursion", "n", "alpha", "most"),
    [
        (decaying_network(20), 20, None, 8),
        (decaying_network(20), 20, 0.0, 16),
        (((lambda s, u: 0.5 * s), (lambda s, u: 0.5 * s)), 1, 0.0, 17),
    ],
)
def test_atol_is_an_absolute_bound_that_holds_and_is_enough(recursion, n, alpha, most):
    step, step_numpy = recursion
    s0, tolerance = np.ones(n), 1e-4
    jacobian = Dense() if alpha is None else ScaledIdentity(alpha)
    solver = pmcmc.ParallelNewton(jacobian=jacobian, window=400, atol=tolerance, rtol=tolerance)
    solution = pmcmc.solve(step, s0, np.zeros(400), solver=solver)
    states = np.asarray(solution.states)
    previous = np.vstack([s0, states[:-1]])
    error = np.abs(states - np.array([step_numpy(s, None) for s in previous]))
    assert solution.converged
    assert np.all(error <= tolerance * (1 + np.abs(states)) * (1 + 1e-9))
    np.testing.assert_allclose(states, loop(step_numpy, s0, np.zeros(400)), rtol=0, atol=4e-4)
    assert solution.sweeps <= most  # 400 where steps that decay were the measure
