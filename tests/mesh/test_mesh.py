"""Chains that are spread over devices are the chains of one device."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import Mesh

import pmcmc
from pmcmc import solvers

from .meshes import MESHES, both, of_chains, of_time

X0 = 0.3 * np.random.default_rng(0).normal(size=(8, 3))
T = 60


def bent(x):
    return -0.5 * jnp.sum(x**2 * jnp.array([1.0, 2.0, 3.0])) - 0.1 * jnp.sum(x) ** 4


def adaptive(x):
    """As many rounds of a loop as the position asks for."""

    def body(carry):
        n, total = carry
        return n - 1.0, total + jnp.exp(-n) * jnp.sum(x**2)

    rounds = 3.0 + jnp.floor(4 * jnp.abs(lax.stop_gradient(x[0])))
    return -lax.while_loop(lambda carry: carry[0] > 0, body, (rounds, 0.5 * jnp.sum(x**2)))[1]


def check_is_chain_of_one_device(logdensity, kernel, solver, mesh, *, atol, **more):
    alone = pmcmc.sample(
        logdensity, X0, T, kernel=kernel, n_chains=8, solver="sequential", thin=2, **more
    )
    spread = pmcmc.sample(
        logdensity, X0, T, kernel=kernel, n_chains=8, solver=solver, mesh=mesh, thin=2, **more
    )
    np.testing.assert_array_equal(spread.stats["is_accepted"], alone.stats["is_accepted"])
    np.testing.assert_allclose(spread.positions, alone.positions, atol=atol)
    np.testing.assert_allclose(spread.final_state.position, alone.final_state.position, atol=atol)
    assert all(outcome <= 1 for outcome in spread.info.outcome)
    assert "mesh of" in spread.info.device
    return spread


WALK, MALA = pmcmc.RandomWalkMetropolis(0.6), pmcmc.MALA(0.15)


@pytest.mark.parametrize("mesh", MESHES)
def test_speculation_on_every_mesh(mesh):
    check_is_chain_of_one_device(bent, WALK, "speculative", MESHES[mesh](), atol=0)


def test_control_variates_travel_with_the_evaluations():
    check_is_chain_of_one_device(bent, MALA, "speculative", both(), atol=1e-10)


def test_the_loop_on_a_mesh_of_chains():
    spread = check_is_chain_of_one_device(bent, MALA, "auto", of_chains(), atol=1e-12)
    assert not spread.info.sweeps.any()


@pytest.mark.parametrize("kernel", [MALA, pmcmc.HMC(0.3, 4)], ids=["MALA", "HMC"])
def test_sweeps_on_chains_and_time(kernel):
    spread = check_is_chain_of_one_device(bent, kernel, "clip-elk", both(), atol=1e-9)
    assert spread.info.sweeps.all()


def test_inner_steps_are_shared_too():
    inner = pmcmc.ParallelNewton(jacobian=solvers.DiagonalBlocks(), basis=None, window=8)
    kernel = pmcmc.HMC(0.2, 10)
    check_is_chain_of_one_device(bent, kernel, solvers.Nested(inner), of_time(), atol=1e-9)


def test_what_a_solver_was_given_for_each_chain_goes_with_it():
    alone = pmcmc.sample(bent, X0, T, kernel=MALA, n_chains=8, solver="sequential")
    guess = solvers.TrajectoryGuess(alone.positions)
    solver = dataclasses.replace(solvers.PRESETS["quasi"], guess=guess, basis=None)
    spread = pmcmc.sample(bent, X0, T, kernel=MALA, n_chains=8, solver=solver, mesh=both())
    np.testing.assert_allclose(spread.positions, alone.positions, atol=1e-10)
    assert np.all(spread.info.sweeps == 1)


def test_a_matrix_of_three_axes_is_not_one_of_each_chain():
    blocks = np.broadcast_to(np.eye(2)[:, :, None], (2, 2, 3))
    given = solvers.Constant(solvers.DiagonalBlocks(), 0.5 * blocks)
    solver = solvers.Nested(pmcmc.ParallelNewton(jacobian=given, basis=None, window=8))
    check_is_chain_of_one_device(bent, pmcmc.HMC(0.1, 4), solver, both(), atol=1e-9)


@pytest.mark.parametrize("solver", ["speculative", "clip-elk"])
def test_loops_that_end_at_different_times(solver):
    kernel = WALK if solver == "speculative" else MALA
    check_is_chain_of_one_device(
        adaptive, kernel, solver, both(), atol=1e-9, gradient_mode="forward"
    )


def test_a_warm_up_with_a_surrogate_on_a_mesh():
    given = {"kernel": "surrogate_hmc", "n_warmup": 800, "n_chains": 8}
    alone = pmcmc.sample(bent, X0, 50, solver="sequential", **given)
    spread = pmcmc.sample(bent, X0, 50, mesh=both(), **given)
    assert isinstance(spread.info.solver, pmcmc.Speculative)
    np.testing.assert_allclose(spread.positions, alone.positions, atol=1e-6)


def test_float32(float32):
    x0 = X0.astype(np.float32)
    alone = pmcmc.sample(bent, x0, T, kernel=WALK, n_chains=8, solver="sequential")
    spread = pmcmc.sample(bent, x0, T, kernel=WALK, n_chains=8, mesh=of_time())
    np.testing.assert_array_equal(spread.positions, alone.positions)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"mesh": 8}, r"mesh must be a jax.sharding.Mesh, got 8: write jax.make_mesh"),
        ({"mesh": "cubes"}, r"axes named 'chain' or 'time' or both, got \('cube',\): write"),
        ({"mesh": "chain", "n_chains": 6}, r"multiple of the 8 devices of mesh axis 'chain', got"),
        (
            {"mesh": "time", "solver": "sequential"},
            r"axis 'time' of 8 devices, which solver=Sequential\(\) cannot use.*'speculative'",
        ),
        ({"mesh": "chain", "chain_method": "parallel"}, r"'auto' or 'vectorized' with a mesh"),
    ],
)
def test_errors_say_what_to_write(choices, message):
    meshes = {name: make() for name, make in MESHES.items()}
    meshes["cubes"] = Mesh(np.array(jax.devices()), ("cube",))
    mesh = meshes.get(choices["mesh"], choices["mesh"])
    given = {"n_chains": 8} | choices | {"mesh": mesh}
    with pytest.raises(ValueError, match=message):
        pmcmc.sample(bent, X0[: given["n_chains"]], T, kernel=WALK, **given)


def test_external_log_densities_have_workers_instead():
    density = pmcmc.external(lambda x: -float(x @ x), n_workers=2)
    with pytest.raises(ValueError, match=r"external log density is not one.*executor with more"):
        pmcmc.sample(density, X0, T, kernel=WALK, n_chains=8, mesh=of_chains())
