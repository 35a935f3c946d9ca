"""Every kernel, by every way to evaluate its chain, against a plain loop in NumPy."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

from ..helpers.densities import double_well, logistic, logistic_numpy
from ..helpers.kernels import KERNELS, as_matrix, kernel_loop, noise_of

N_STEPS = 200
START = np.array([0.4, -0.3, 0.8, 0.2])
SOLVERS = {
    "sequential": pmcmc.Sequential(),
    "quasi": pmcmc.ParallelNewton(window=40, fallback=None),
    "newton": pmcmc.ParallelNewton(
        jacobian=pmcmc.solvers.Dense(), window=40, basis=None, fallback=None
    ),
    "starved": pmcmc.ParallelNewton(window=40, basis=None, max_sweeps=2),
}
CASES = [(kernel, solver) for kernel in KERNELS for solver in SOLVERS if solver != "starved"]
CASES += [(kernel, "starved") for kernel in ("MALA, dense", "HMC", "Gibbs")]
CASES += [(kernel, "block") for kernel in KERNELS if kernel.startswith("HMC")]


@functools.cache
def loop(name, seed):
    kernel, step_numpy = KERNELS[name]
    noise = noise_of(kernel, jax.random.key(seed), 0, N_STEPS, 4)
    return kernel_loop(step_numpy, kernel, logistic_numpy, START, noise)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "solver"), CASES)
def test_chain_is_that_of_the_loop(name, solver):
    for seed in range(2):
        positions, decisions, rates = loop(name, seed)
        result = pmcmc.sample(
            logistic,
            START,
            N_STEPS,
            kernel=KERNELS[name][0],
            solver=SOLVERS.get(solver, solver),
            rng_key=seed,
        )
        assert result.info.converged.all()
        np.testing.assert_array_equal(result.stats["is_accepted"][0], decisions)
        np.testing.assert_allclose(result.positions[0], positions, rtol=0, atol=1e-8)
        np.testing.assert_allclose(result.stats["acceptance_rate"][0], rates, rtol=0, atol=1e-8)
        values = [logistic_numpy(x)[0] for x in positions]
        np.testing.assert_allclose(result.stats["logdensity"][0], values, rtol=0, atol=1e-7)
        assert not result.stats["is_divergent"].any()


def test_the_loops_move_and_reject():
    for name, (kernel, _) in KERNELS.items():
        _, decisions, rates = loop(name, 0)
        if isinstance(kernel, pmcmc.Langevin | pmcmc.CustomKernel):
            assert decisions.all()
        else:
            assert 0.4 < rates.mean() < 0.99, name
            assert not decisions.all()


@pytest.mark.parametrize(
    "name", ["Langevin, dense", "MALA, dense", "random walk, dense", "HMC, dense"]
)
@pytest.mark.parametrize("rank", [0, 1, 2])
def test_noise_has_the_covariance_of_the_metric(name, rank):
    matrix = [
        None,
        np.diag(KERNELS[name][0].inverse_mass_matrix),
        as_matrix(KERNELS[name][0].inverse_mass_matrix),
    ][rank]
    kernel = dataclasses.replace(KERNELS[name][0], inverse_mass_matrix=matrix)
    n = 100_000
    keys = jax.random.split(jax.random.key(3), n)
    draws = np.asarray(jax.vmap(lambda key: kernel.draw_noise(key, jnp.zeros(4))[0])(keys))
    expected = as_matrix(matrix)
    if isinstance(kernel, pmcmc.HMC):
        expected = np.linalg.inv(expected)
    if isinstance(kernel, pmcmc.RandomWalkMetropolis):
        expected = kernel.step_size**2 * expected
    # Standard errors of a covariance are below sqrt(2 / n) times the product of the scales.
    scales = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert np.all(np.abs(np.cov(draws.T) - expected) < 5 * math.sqrt(2 / n) * scales)
    assert np.all(np.abs(draws.mean(axis=0)) < 5 * np.sqrt(np.diag(expected) / n))


def test_statistics_of_hmc_are_those_of_its_trajectories():
    kernel, _ = KERNELS["HMC, diagonal, jittered"]
    result = pmcmc.sample(logistic, START, N_STEPS, kernel=kernel, solver="quasi")
    positions, decisions, _ = loop("HMC, diagonal, jittered", 0)
    noise = noise_of(kernel, jax.random.key(0), 0, N_STEPS, 4)
    matrix = as_matrix(kernel.inverse_mass_matrix)
    stats = {name: rows[0] for name, rows in result.stats.items()}
    before = np.concatenate([START[None], positions[:-1]])
    for t in range(N_STEPS):
        n_steps = round(4 * (0.5 + float(noise.jitter[t])))
        assert stats["num_integration_steps"][t] == n_steps
        x, momentum = before[t], np.asarray(noise.momentum[t])
        start = momentum @ matrix @ momentum / 2 - logistic_numpy(x)[0]
        for _ in range(n_steps):
            momentum = momentum + 0.1 * logistic_numpy(x)[1]
            x = x + 0.2 * matrix @ momentum
            momentum = momentum + 0.1 * logistic_numpy(x)[1]
        end = momentum @ matrix @ momentum / 2 - logistic_numpy(x)[0]
        assert stats["energy_error"][t] == pytest.approx(end - start, abs=1e-8)
        assert stats["energy"][t] == pytest.approx(end if decisions[t] else start, abs=1e-8)
    assert set(stats["num_integration_steps"]) == {2, 3, 4, 5, 6}
    assert (stats["step_size"] == 0.2).all()


def test_divergent_trajectories_are_marked_and_rejected():
    result = pmcmc.sample(
        lambda x: -0.5 * jnp.sum((100 * x) ** 2), np.full(2, 0.01), 20, kernel=pmcmc.HMC(1.0, 5)
    )
    assert result.stats["is_divergent"].all()
    assert not result.stats["is_accepted"].any()
    assert (result.positions == 0.01).all()


def undifferentiable():
    """A density whose derivative cannot be taken."""

    @jax.custom_jvp
    def value(x):
        return -0.5 * jnp.sum(x**2)

    @value.defjvp
    def derivative(primals, tangents):
        raise AssertionError("a gradient was asked for")

    return value


@pytest.mark.parametrize("solver", ["sequential", "quasi", "newton", "jacobi", "clip-elk"])
@pytest.mark.parametrize("name", ["random walk", "Metropolis-Hastings", "Gibbs"])
def test_kernels_without_gradients_never_call_one(name, solver):
    kernel, step_numpy = KERNELS[name]

    def density(x):
        return -0.5 * np.sum(x**2), None

    noise = noise_of(kernel, jax.random.key(0), 0, 50, 4)
    positions, decisions, _ = kernel_loop(step_numpy, kernel, density, START, noise)
    result = pmcmc.sample(undifferentiable(), START, 50, kernel=kernel, solver=solver)
    np.testing.assert_array_equal(result.stats["is_accepted"][0], decisions)
    np.testing.assert_allclose(result.positions[0], positions, rtol=0, atol=1e-9)


def test_a_kernel_with_gradients_says_that_it_needs_one():
    with pytest.raises(ValueError, match="kernel='random_walk'"):
        pmcmc.sample(undifferentiable(), START, 5, kernel=pmcmc.MALA(0.1))


@pytest.mark.parametrize("solver", ["sequential", "quasi"])
def test_functions_of_a_kernel_see_positions_as_the_user_wrote_them(solver):
    def step(x, noise):
        return {"mean": 0.5 * x["mean"] + noise["z"][0], "rest": 0.3 * x["rest"] + noise["z"][1]}

    kernel = pmcmc.CustomKernel(
        step, lambda key, x: {"z": jax.random.normal(key, (2, *x["rest"].shape))}
    )
    x0 = {"mean": np.zeros(3), "rest": np.ones(3)}
    result = pmcmc.sample(None, x0, 60, kernel=kernel, solver=solver, n_warmup=10)
    assert result.positions["rest"].shape == (1, 60, 3)
    assert "logdensity" not in result.stats
    assert result.info.kernel is kernel
    assert "lp" not in result.to_arviz()["sample_stats"]
    noise = noise_of(
        pmcmc.CustomKernel(kernel.step, lambda key, _: kernel.noise(key, x0)),
        jax.random.key(0),
        0,
        60,
        3,
    )["z"]
    start = result.positions["mean"][0, :-1]
    np.testing.assert_allclose(
        result.positions["mean"][0, 1:], 0.5 * start + noise[1:, 0], atol=1e-10
    )

    mh = pmcmc.MetropolisHastings(
        lambda x, z: {"a": x["a"] + z}, lambda key, x: 0.1 * jax.random.normal(key, x["a"].shape)
    )
    result = pmcmc.sample(
        lambda x: -0.5 * jnp.sum(x["a"] ** 2), {"a": np.zeros((2, 2))}, 30, kernel=mh, solver=solver
    )
    assert result.positions["a"].shape == (1, 30, 2, 2)
    assert 0.5 < result.stats["acceptance_rate"].mean() <= 1


def test_names_are_kernels_with_a_step_size_that_is_found():
    for name, target in [("mala", 0.574), ("hmc", 0.8), ("barker", 0.4), ("random_walk", 0.234)]:
        result = pmcmc.sample(logistic, START, 4000, kernel=name, solver="sequential")
        assert result.stats["acceptance_rate"].mean() == pytest.approx(target, abs=0.08)


@pytest.mark.parametrize("solver", [pytest.param("quasi", marks=pytest.mark.slow), "block"])
def test_float32_chains_of_hmc_keep_the_residual_contract(float32, solver):
    kernel = pmcmc.HMC(np.float32(0.25), 4)
    result = pmcmc.sample(
        double_well, START.astype(np.float32), N_STEPS, kernel=kernel, solver=solver
    )
    assert result.positions.dtype == np.float32
    assert result.info.converged.all()
    noise = noise_of(kernel, jax.random.key(0), 0, N_STEPS, 4)
    before = jnp.concatenate([START.astype(np.float32)[None], result.positions[0, :-1]])
    step = jax.vmap(lambda x, u: kernel.transition(double_well, kernel.init(double_well, x), u)[0])
    error = np.abs(step(before, noise).position - result.positions[0])
    near_tie = np.abs(np.log(noise.uniform) - np.log(result.stats["acceptance_rate"][0])) < 1e-4
    assert error[~near_tie].max() < 5e-5
    assert near_tie.sum() <= 2
