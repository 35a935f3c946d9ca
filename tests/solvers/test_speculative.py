"""Speculation returns the loop's chain whatever it guesses with."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._arguments import as_task
from pmcmc.solvers import Speculative

from ..helpers.densities import logistic, logistic_numpy
from ..helpers.kernels import KERNELS, Quadratic, kernel_loop, noise_of

N_STEPS = 120
IN_PARTS = [name for name, (kernel, _) in KERNELS.items() if kernel.parts() is not None]
# All of one class, whose numbers are traced: one program for all of them.
SURROGATES = {"normal": 4.0, "wrong": -3.0, "flat": 0.0, "NaN": np.nan}


def start(*shape):
    return 0.5 + np.random.default_rng(2).normal(size=shape)


def loop(name, x0, n_steps=N_STEPS, chain=0):
    kernel, step_numpy = KERNELS[name]
    noise = noise_of(kernel, jax.random.key(0), chain, n_steps, 4)
    return kernel_loop(step_numpy, kernel, logistic_numpy, x0, noise)


def sample(name, x0, solver, n_steps=N_STEPS, **choices):
    return pmcmc.sample(logistic, x0, n_steps, kernel=KERNELS[name][0], solver=solver, **choices)


def check(run, name, x0, n_steps=N_STEPS, chain=0):
    positions, decisions, rates = loop(name, x0, n_steps, chain)
    assert (run.stats["is_accepted"][chain] == decisions).all()
    np.testing.assert_allclose(run.positions[chain], positions, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(run.stats["acceptance_rate"][chain], rates, rtol=1e-7)
    assert run.info.converged[chain]
    if not KERNELS[name][0].uses_gradient:
        assert run.info.residual[chain] == 0


@pytest.mark.parametrize("name", IN_PARTS)
def test_the_chain_is_the_loop_s_whatever_the_surrogate(name):
    x0 = start(4)
    for factor in SURROGATES.values():
        check(sample(name, x0, Speculative(surrogate=Quadratic(factor), window=16)), name, x0)


@pytest.mark.parametrize("window", [1, 100, N_STEPS, 1000])
@pytest.mark.parametrize("name", ["random walk", "MALA, diagonal"])
def test_and_whatever_the_window(name, window):
    x0 = start(4)
    run = sample(name, x0, Speculative(surrogate=Quadratic(2.0), window=window))
    check(run, name, x0)
    assert run.info.sweeps[0] <= N_STEPS if window > 1 else run.info.sweeps[0] == N_STEPS


@pytest.mark.parametrize("name", ["Barker", "surrogate HMC"])
def test_each_chain_has_a_window_of_its_own(name):
    x0 = start(4, 4)
    run = sample(name, x0, Speculative(surrogate=Quadratic(5.0), window=16), n_chains=4)
    for chain in range(4):
        check(run, name, x0[chain], chain=chain)
    assert len(set(run.info.sweeps.tolist())) > 1


@pytest.mark.parametrize("n_chains", [1, 4])
@pytest.mark.parametrize("name", [name for name in IN_PARTS if name.startswith("random walk")])
def test_a_random_walk_is_the_loop_s_to_the_last_bit(name, n_chains):
    """Its proposals are sums. XLA fuses a product into a sum in some programs and not in others."""
    x0 = start(4) if n_chains == 1 else start(n_chains, 4)
    solvers = "sequential", Speculative(surrogate=Quadratic(2.0), window=16)
    one, other = (sample(name, x0, solver, n_chains=n_chains) for solver in solvers)
    np.testing.assert_array_equal(other.positions, one.positions)


def test_float32(float32):
    kernel = pmcmc.RandomWalkMetropolis(0.5)
    solvers = ("sequential", Speculative(surrogate=Quadratic(2.0), window=16))
    runs = [
        pmcmc.sample(
            lambda x: -0.5 * jnp.sum(x**2), np.ones(4, np.float32), 120, kernel=kernel, solver=s
        )
        for s in solvers
    ]
    assert runs[1].positions.dtype == np.float32
    assert (runs[0].positions == runs[1].positions).all()


def test_what_the_surrogate_knows_saves_sweeps_and_nothing_else():
    precision = np.array([1.0, 2.0, 3.0, 4.0])

    def normal(x):
        return -0.5 * jnp.sum(jnp.asarray(precision) * x**2)

    kernel = pmcmc.RandomWalkMetropolis(0.5)
    runs = [
        pmcmc.sample(
            normal, start(4), 512, kernel=kernel, solver=Speculative(surrogate=guess, window=32)
        )
        for guess in (jax.tree_util.Partial(normal), jax.tree_util.Partial(lambda x: -normal(x)))
    ]
    assert (runs[0].positions == runs[1].positions).all()
    assert runs[0].info.sweeps[0] == 512 / 32  # all decisions are predicted right
    assert runs[1].info.sweeps[0] > 4 * runs[0].info.sweeps[0]
    assert runs[0].info.logdensity_evaluations[0] == 512
    assert runs[0].info.gradient_evaluations[0] == 0


def test_nan_and_the_edge_of_the_support_are_rejections_as_in_the_loop():
    def of_half_space(x):
        value = -0.5 * jnp.sum(x**2)
        value = jnp.where(x[0] > 1.5, jnp.nan, value)
        return jnp.where(x[0] < 0, -jnp.inf, value)

    runs = [
        pmcmc.sample(
            of_half_space, np.full(2, 0.5), 300, kernel=pmcmc.RandomWalkMetropolis(0.8), solver=s
        )
        for s in ("sequential", Speculative(surrogate=Quadratic(1.0), window=32))
    ]
    assert runs[0].stats["is_divergent"].any()
    assert (runs[0].stats["is_divergent"] == runs[1].stats["is_divergent"]).all()
    assert (runs[0].positions == runs[1].positions).all()


def test_a_chain_that_runs_into_nan_is_marked():
    def broken(x):
        return jnp.where(x[0] > 3, jnp.nan, 1.0) * 2 * x[0]  # drifts to the right

    run = pmcmc.sample(
        broken,
        np.zeros(2),
        400,
        kernel=pmcmc.Langevin(0.5),
        solver=Speculative(surrogate=Quadratic(1.0), window=16),
    )
    assert run.info.outcome == [pmcmc.solvers.Outcome.NOT_FINITE]


@pytest.mark.parametrize(
    "kernel",
    [pmcmc.HMC(0.1, 3), pmcmc.CustomKernel(lambda x, u: 0.5 * x + u, lambda key, x: x)],
)
def test_kernels_without_parts_are_refused(kernel):
    with pytest.raises(
        ValueError, match=r"needs a kernel that proposes.*write kernel='random_walk', 'mala'"
    ):
        pmcmc.sample(logistic, start(4), 10, kernel=kernel, solver="speculative")


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (dict(surrogate="best"), "surrogate must be 'auto'"),
        (dict(window=0), "window must be a positive integer"),
        (dict(atol=-1.0), "atol must be"),
        (dict(rtol=2.0), "rtol must be below 1, got 2.0"),
    ],
)
def test_bad_arguments(choices, message):
    with pytest.raises(ValueError, match=message):
        Speculative(**choices)


def test_nothing_is_kept_for_a_fit_that_cannot_be():
    for dim, is_fitted in ((58, True), (59, False)):
        task = as_task(lambda x: -0.5 * jnp.sum(x**2), np.zeros(dim), "mala", 1, 0)
        runner = task.runner(Speculative(), pmcmc.MALA(0.1), 100)
        assert (runner.fitting is not None) == is_fitted


@pytest.mark.parametrize("name", ["random walk", "MALA, diagonal"])
def test_surrogates_that_are_fitted_on_the_way_change_nothing(name):
    x0 = start(2, 4)
    run = sample(name, x0, "speculative", n_steps=400, n_chains=2)
    for chain in range(2):
        check(run, name, x0[chain], n_steps=400, chain=chain)
    # Fitted after 500 of the 800 evaluations, with the gradients where there are some.
    assert run.info.solver.surrogate.degree in (2, 3, 4, 6)


def test_counts_are_those_of_a_log_density_that_counts():
    rows = []

    def count(x):
        rows.append(x.reshape(-1, 4))
        return np.zeros(x.shape[:-1])

    def counting(x):
        zero = jax.pure_callback(
            count, jax.ShapeDtypeStruct((), x.dtype), x, vmap_method="expand_dims"
        )
        return -0.5 * jnp.sum(x**2) + zero

    solver = Speculative(surrogate=Quadratic(1.0), window=8)
    kernel = pmcmc.RandomWalkMetropolis(0.5)
    run = pmcmc.sample(counting, np.ones(4), 64, kernel=kernel, solver=solver)
    jax.effects_barrier()
    points = np.concatenate(rows)
    at_start = np.all(points == 1.0, axis=1).sum()
    at_end = 1  # for the final state
    assert (
        len(points) - at_start - at_end
        == run.info.logdensity_evaluations[0]
        == 8 * run.info.sweeps[0]
    )


class Halfway(pmcmc.kernels.ProposalKernel):
    """Goes half of the way, uphill: the next state is neither the state nor the proposal."""

    def draw_noise(self, rng_key, position):
        return jax.random.normal(rng_key, position.shape, position.dtype)

    def propose(self, state, noise):
        return state.position + noise

    def decide(self, state, proposal, noise):
        share = jnp.where(proposal.logdensity > state.logdensity, 0.5, 0.1)
        position = state.position + share * (proposal.position - state.position)
        info = pmcmc.kernels.Info(jnp.ones(()), jnp.bool_(True), jnp.bool_(False))
        return state._replace(position=position, logdensity=proposal.logdensity), info


def test_a_decision_that_is_neither_costs_sweeps_and_nothing_else():
    solvers = ("sequential", Speculative(surrogate=Quadratic(1.0), window=8))
    loop, ahead = (
        pmcmc.sample(logistic, start(4), 40, kernel=Halfway(), solver=solver) for solver in solvers
    )
    np.testing.assert_allclose(loop.positions, ahead.positions, rtol=1e-12)
    assert ahead.info.sweeps[0] == 40
