"""Sweeps whose rows are on several devices give the states of a plain loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import pmcmc
from pmcmc import solvers
from pmcmc.solvers import Recursion

from ..helpers.methods import METHODS, SOLVERS
from ..helpers.recursions import RECURSIONS, draw, loop
from ..solvers.test_methods import REPEATED
from .meshes import both

T, N_STEPS = 70, 67
STEP, STEP_NUMPY = RECURSIONS["tanh network"]
RECURSION = Recursion(lambda s: s, lambda s, u: (STEP(s, u), s.sum()), lambda s: s)


def chains():
    """Two chains: starts, inputs, oracle."""
    inputs = [draw(seed, T) for seed in (0, 1)]
    starts = np.array([[0.1, -0.2, 0.3, 0.0], [1.0, 1.0, -1.0, 0.5]])
    oracle = [loop(STEP_NUMPY, start, rows) for start, rows in zip(starts, inputs, strict=True)]
    return starts, jax.tree.map(lambda *x: np.stack(x), *inputs), np.array(oracle)


def run_on_ring(solver, recursion, *given):
    """The trajectories of two chains, each on the devices of a row of the mesh."""

    def run(starts, inputs):
        on_ring = recursion._replace(time_axis="time")
        return solver.run(on_ring, starts, inputs, N_STEPS)

    spec = PartitionSpec("chain")
    mesh = Mesh(both().devices, both().axis_names)
    spread = jax.shard_map(run, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
    return jax.jit(spread)(*given)


def check(found, oracle):
    np.testing.assert_allclose(found.states[:, :N_STEPS], oracle[:, :N_STEPS], atol=1e-9)
    assert np.all(found.scaled_residual <= 1)
    assert np.all(found.sweeps > 0)


@pytest.mark.parametrize(
    "method",
    [pytest.param(m, marks=pytest.mark.slow if m in REPEATED else ()) for m in METHODS],
)
def test_every_method_gives_the_states_of_the_loop_on_a_ring(method):
    starts, inputs, oracle = chains()
    found = run_on_ring(METHODS[method], RECURSION, jnp.asarray(starts), inputs)
    check(found, oracle)
    assert np.all(found.sequential_steps == 0)
    before = np.concatenate([starts[:, None], oracle[:, : N_STEPS - 1]], axis=1)
    np.testing.assert_allclose(found.aux[:, :N_STEPS], before.sum(axis=-1), atol=1e-9)


@pytest.mark.parametrize("method", ["diagonal", "dense, ELK", "dense, held"])
def test_sweeps_are_those_of_one_device(method):
    starts, inputs, _ = chains()
    starts, solver = jnp.asarray(starts), METHODS[method]
    found = run_on_ring(solver, RECURSION, starts, inputs)
    alone = jax.jit(lambda: solver.run(RECURSION, starts, inputs, N_STEPS))()
    np.testing.assert_allclose(found.sweeps, alone.sweeps, atol=1)  # rounding may end one earlier
    np.testing.assert_array_equal(found.evaluations, 40 * found.sweeps)


@pytest.mark.parametrize("name", ["quasi, window 7, starved", "quasi, window 16, short of sweeps"])
def test_steps_taken_one_at_a_time_go_to_their_device(name):
    starts, inputs, oracle = chains()
    found = run_on_ring(SOLVERS[name], RECURSION, jnp.asarray(starts), inputs)
    check(found, oracle)
    assert np.all(found.sequential_steps > 0)


def test_the_rules_for_chains_look_at_the_whole_window():
    starts, inputs, oracle = chains()
    solver = pmcmc.ParallelNewton(
        jacobian=solvers.Diagonal(None),
        basis=None,
        window=32,
        n_logged_sweeps=3,
        atol=1e-4,
        rtol=1e-4,
    )
    recursion = RECURSION._replace(is_chain=True)
    found = run_on_ring(solver, recursion, jnp.asarray(starts), inputs)
    np.testing.assert_allclose(found.states[:, :N_STEPS], oracle[:, :N_STEPS], atol=1e-2)
    alone = jax.jit(lambda: solver.run(recursion, jnp.asarray(starts), inputs, N_STEPS))()
    for name in ("residual", "merit", "finished"):
        ours, theirs = (getattr(x.sweep_log, name) for x in (found, alone))
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, err_msg=name)
    # In units of a tolerance that depends on all moves of the window.
    np.testing.assert_allclose(found.scaled_residual, alone.scaled_residual, rtol=1e-6)
    assert np.all(found.scaled_residual > 0.01)


@pytest.mark.parametrize("rule", [solvers.SmallMerit(1e-4), solvers.SmallStep(1e-3)])
def test_stopping_rules_look_at_the_whole_window(rule):
    starts, inputs, _ = chains()
    solver = pmcmc.ParallelNewton(basis=None, window=68, stopping=rule)
    found = run_on_ring(solver, RECURSION, jnp.asarray(starts), inputs)
    alone = jax.jit(lambda: solver.run(RECURSION, jnp.asarray(starts), inputs, N_STEPS))()
    np.testing.assert_array_equal(found.sweeps, alone.sweeps)
    np.testing.assert_allclose(found.residual, alone.residual, rtol=1e-6)
    assert np.all(found.scaled_residual > 1)
