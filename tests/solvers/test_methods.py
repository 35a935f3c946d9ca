"""Every method on every recursion gives the states of a plain loop."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import pmcmc
from pmcmc.solvers import Recursion
from pmcmc.solvers.newton import scan

from ..helpers.methods import METHODS
from ..helpers.recursions import RECURSIONS, draw, loop

LENGTHS = (1, 2, 25, 150)
SEEDS = (0, 1)
# Whose parts other rows have too, and guesses, which have tests of their own.
REPEATED = {
    "diagonal, 3 probes",
    "blocks, 2 probes",
    "blocks, exact",
    "dense, clip",
    "blocks, ELK",
    "diagonal, wide window",
    *(name for name in METHODS if name.endswith("guess")),
}


def any_step(state, u):
    """The step of the recursion that the input names: one program for all of them."""
    return lax.switch(u["recursion"], [step for step, _ in RECURSIONS.values()], state, u)


@functools.cache
def chains():
    """A batch with a chain for each recursion and seed: starts, inputs and oracle."""
    starts, inputs, oracles = [], [], []
    for i, (_, step_numpy) in enumerate(RECURSIONS.values()):
        for seed in SEEDS:
            rows = draw(seed, max(LENGTHS))
            starts.append(draw(seed + 100, 1)["normal"][0])
            inputs.append(rows | {"recursion": np.full(max(LENGTHS), i)})
            oracles.append(loop(step_numpy, starts[-1], rows))
    stack = functools.partial(jax.tree.map, lambda *leaves: np.stack(leaves))
    return np.stack(starts), stack(*inputs), np.stack(oracles)


@pytest.mark.parametrize(
    "method",
    [pytest.param(m, marks=pytest.mark.slow if m in REPEATED else ()) for m in METHODS],
)
def test_every_method_gives_the_states_of_the_loop(method):
    starts, inputs, oracle = chains()
    recursion = Recursion(lambda s: s, lambda s, u: (any_step(s, u), None), lambda s: s)
    run = jax.jit(
        lambda n_steps: METHODS[method].run(recursion, jnp.asarray(starts), inputs, n_steps)
    )
    names = [f"{name}, seed {seed}" for name in RECURSIONS for seed in SEEDS]
    for n_steps in LENGTHS:
        result = run(n_steps)
        for chain, name in enumerate(names):
            np.testing.assert_allclose(
                result.states[chain, :n_steps], oracle[chain, :n_steps], atol=1e-8, err_msg=name
            )
            assert result.sweeps[chain] <= n_steps, name
            assert result.sequential_steps[chain] == 0, name
            assert result.scaled_residual[chain] <= 1, name


def test_the_recursions_are_what_a_loop_of_jax_gives():
    starts, inputs, oracle = chains()
    scan = jax.jit(jax.vmap(lambda s, u: lax.scan(lambda s, u: (any_step(s, u),) * 2, s, u)[1]))
    np.testing.assert_allclose(scan(starts, inputs), oracle, atol=1e-9)


def test_the_chains_accept_and_reject():
    _, _, oracle = chains()
    for name in ("MALA", "random walk", "HMC"):
        chain = oracle[list(RECURSIONS).index(name) * len(SEEDS)]
        moved = np.mean(np.any(np.diff(chain, axis=0) != 0, axis=1))
        assert 0.3 < moved < 0.99, (name, moved)


@pytest.mark.parametrize("method", ["dense, ELK", "diagonal, clip", "blocks"])
def test_scans_in_rounds_as_on_an_accelerator_give_the_states_of_the_loop(method, monkeypatch):
    monkeypatch.setattr(scan, "is_in_order", lambda: False)
    step, step_numpy = RECURSIONS["tanh network"]
    inputs = draw(0, 60)
    fresh = functools.partial(step)  # not compiled for the other kind of scan before
    found = pmcmc.solve(fresh, np.zeros(4), inputs, solver=METHODS[method])
    oracle = loop(step_numpy, np.zeros(4), inputs)
    np.testing.assert_allclose(found.states, oracle, atol=1e-9)


@pytest.mark.parametrize(
    "method", ["dense", "dense, ELK", "diagonal, ELK, adaptive", "blocks, clip"]
)
def test_every_kind_of_arithmetic_works_in_float32(method, float32):
    mix = np.float32(
        [[0.5, -0.3, 0.2, 0.1], [0.1, 0.6, -0.4, 0], [0, 0.3, 0.4, 0], [0, 0, -0.3, 0.5]]
    )
    inputs = np.float32(draw(0, 60)["normal"])
    found = pmcmc.solve(
        lambda s, u: jnp.tanh(jnp.asarray(mix) @ s + u),
        np.zeros(4, np.float32),
        inputs,
        solver=METHODS[method],
    )
    assert found.converged
    assert found.states.dtype == np.float32
    oracle = loop(lambda s, u: np.tanh(mix @ s + u), np.zeros(4), inputs)
    np.testing.assert_allclose(found.states, oracle, atol=1e-4)
