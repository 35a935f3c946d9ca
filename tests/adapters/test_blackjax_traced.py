"""Inside `jax.vmap` and `jax.jit`, as BlackJAX runs many chains: what BlackJAX's own loop gives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

from ..helpers.densities import logistic

blackjax = pytest.importorskip("blackjax")

from blackjax.base import SamplingAlgorithm  # noqa: E402

from pmcmc.adapters import blackjax as adapter  # noqa: E402

N, N_CHAINS = 60, 3
KEYS = jax.random.split(jax.random.key(5), N_CHAINS)
STARTS = jnp.asarray(np.random.default_rng(1).normal(size=(N_CHAINS, 4)))


def proposal(rng_key, position):
    return position + 0.5 * jax.random.normal(rng_key, position.shape)


ALGORITHMS = {
    "mala": (lambda: blackjax.mala(logistic, 0.12), "quasi"),
    "hmc": (lambda: blackjax.hmc(logistic, 0.3, jnp.ones(4), 3), "newton"),
    "rmh": (lambda: blackjax.rmh(logistic, proposal), "picard"),
    "dynamic hmc": (lambda: blackjax.dynamic_hmc(logistic, 0.3, jnp.ones(4)), "sequential"),
    "mclmc": (lambda: blackjax.mclmc(logistic, L=1.5, step_size=0.3), "auto"),
}


def check_same(got, expected):
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for ours, theirs in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        assert isinstance(ours, jax.Array)
        assert ours.dtype == theirs.dtype
        if jnp.issubdtype(theirs.dtype, jnp.floating):
            np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)
        else:
            assert (ours == theirs).all()


def chains(run, algorithm, **choices):
    return jax.vmap(lambda key, x: run(key, algorithm, N, initial_position=x, **choices))(
        KEYS, STARTS
    )


QUICK = ("mala", "rmh", "dynamic hmc")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in ALGORITHMS],
)
def test_chains_by_vmap(name):
    make, solver = ALGORITHMS[name]
    algorithm = make()
    expected = chains(blackjax.util.run_inference_algorithm, algorithm)
    assert np.std(expected[1][0].position, axis=1).min() > 0.1
    check_same(chains(adapter.run_inference_algorithm, algorithm, solver=solver), expected)


@pytest.mark.parametrize("solver", ["sequential", "quasi"])
def test_inside_a_users_program_from_a_state(solver):
    algorithm = ALGORITHMS["mala"][0]()

    @functools.partial(jax.jit, static_argnums=0)
    def program(run, key, position):
        states = jax.vmap(algorithm.init)(position)
        choices = {} if run is blackjax.util.run_inference_algorithm else {"solver": solver}

        def chain(key, state):
            final, draws = run(
                key, algorithm, N, state, transform=lambda state, info: state.position, **choices
            )
            return final, draws, draws.mean(axis=0)

        return jax.vmap(chain)(jax.random.split(key, N_CHAINS), states)

    expected = program(blackjax.util.run_inference_algorithm, jax.random.key(2), STARTS)
    check_same(program(adapter.run_inference_algorithm, jax.random.key(2), STARTS), expected)


@pytest.mark.parametrize("solver", ["sequential", "jacobi"])
def test_by_a_step_size_only_the_algorithm_closes_over(solver):
    # Several segments: neither the key nor the state says that there is a trace.
    n_steps = 1100 if solver == "jacobi" else N

    def acceptance(run, **choices):
        def of_step_size(step_size):
            algorithm = blackjax.mala(logistic, step_size)
            return run(
                KEYS[0],
                algorithm,
                n_steps,
                algorithm.init(STARTS[0]),
                transform=lambda state, info: info.is_accepted,
                **choices,
            )[1]

        return jax.vmap(of_step_size)(jnp.array([0.1, 0.2]))

    expected = acceptance(blackjax.util.run_inference_algorithm)
    assert len(np.unique(expected.mean(axis=1))) == 2
    got = acceptance(adapter.run_inference_algorithm, solver=solver)
    np.testing.assert_array_equal(got, expected)


def test_evidence_is_there_as_arrays():
    algorithm = ALGORITHMS["mala"][0]()

    def run(key, position):
        state, keys = algorithm.init(position), jax.random.split(key, N)
        run = adapter.sample_algorithm(algorithm, state, keys, solver="quasi")
        return run, run.converged

    many, converged = jax.vmap(run)(KEYS, STARTS)
    assert converged.tolist() == [True] * N_CHAINS
    for chain in range(N_CHAINS):
        alone, _ = run(KEYS[chain], STARTS[chain])
        assert isinstance(alone.outcome, pmcmc.solvers.Outcome)
        for field in ("outcome", "sweeps", "sequential_steps"):
            assert getattr(many, field)[chain] == getattr(alone, field)
        assert many.scaled_residual[chain] <= 1


def test_what_was_not_found_is_not_a_number():
    limited = pmcmc.ParallelNewton(
        jacobian=pmcmc.solvers.ScaledIdentity(0.0), max_sweeps=1, fallback=None
    )
    final, (states, infos) = chains(
        adapter.run_inference_algorithm, ALGORITHMS["mala"][0](), solver=limited
    )
    for leaf in (final.position, states.position, states.logdensity, infos.acceptance_rate):
        assert np.isnan(leaf).all()


def test_a_counter_that_depends_on_the_position_has_no_chain():
    def step(rng_key, state):
        position = 0.5 * state["x"] + jax.random.normal(rng_key)
        return {"x": position, "count": state["count"] + (position > 0)}, position

    algorithm = SamplingAlgorithm(lambda position, rng_key=None: position, step)
    state = {"x": jnp.zeros(()), "count": jnp.int32(0)}
    run = jax.jit(lambda key: adapter.run_inference_algorithm(key, algorithm, 30, state))
    final, (states, _) = run(KEYS[0])
    assert np.isnan(final["x"])
    assert np.isnan(states["x"]).all()
