"""In `solve`, `atol + rtol * |s|` is a bound that holds and is enough."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc.solvers import PRESETS

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
