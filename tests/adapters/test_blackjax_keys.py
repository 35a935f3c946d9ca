"""BlackJAX's algorithms with keys of every implementation, and under JAX's checks of keys."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

from ..helpers.densities import logistic

blackjax = pytest.importorskip("blackjax")

from pmcmc.adapters import blackjax as adapter  # noqa: E402

N = 60
X0 = jnp.full(4, 0.3)


def proposal(rng_key, position):
    return position + 0.5 * jax.random.normal(rng_key, position.shape)


ALGORITHMS = {
    "mala": lambda: blackjax.mala(logistic, 0.12),
    "hmc": lambda: blackjax.hmc(logistic, 0.3, jnp.ones(4), 3),
    "rmh": lambda: blackjax.rmh(logistic, proposal),
    "dynamic hmc": lambda: blackjax.dynamic_hmc(logistic, 0.3, jnp.ones(4)),
    "ghmc": lambda: blackjax.ghmc(logistic, 0.3, jnp.ones(4), 0.3, 0.1),
    "mclmc": lambda: blackjax.mclmc(logistic, L=1.5, step_size=0.3),
}


def theirs(key, algorithm):
    return blackjax.util.run_inference_algorithm(key, algorithm, N, initial_position=X0)[1][0]


def ours(key, algorithm, solver):
    arguments = dict(initial_position=X0, solver=solver)
    return adapter.run_inference_algorithm(key, algorithm, N, **arguments)[1][0]


def check(got, expected):
    np.testing.assert_allclose(got.position, expected.position, rtol=0, atol=1e-8)
    assert np.std(expected.position) > 0.1


@pytest.mark.parametrize(
    ("name", "solver", "implementation"),
    [
        ("mala", "quasi", "rbg"),
        ("rmh", "sequential", "unsafe_rbg"),
        ("dynamic hmc", "jacobi", "unsafe_rbg"),
        pytest.param("mala", "quasi", "unsafe_rbg", marks=pytest.mark.slow),
        pytest.param("dynamic hmc", "jacobi", "rbg", marks=pytest.mark.slow),
        pytest.param("mclmc", "auto", "rbg", marks=pytest.mark.slow),
    ],
)
def test_the_chain_is_that_of_the_loop(name, solver, implementation):
    key, algorithm = jax.random.key(3, impl=implementation), ALGORITHMS[name]()
    check(ours(key, algorithm, solver), theirs(key, algorithm))


def test_raw_keys_of_another_default():
    with jax.default_prng_impl("rbg"):
        key, algorithm = jax.random.PRNGKey(3), ALGORITHMS["mala"]()
        check(ours(key, algorithm, "jacobi"), theirs(key, algorithm))


def test_chains_of_vmap_are_those_of_their_keys():
    keys = jax.random.split(jax.random.key(3, impl="unsafe_rbg"), 2)
    algorithm = ALGORITHMS["mala"]()
    many = jax.vmap(lambda key: ours(key, algorithm, "sequential"))(keys)
    for chain in range(2):
        alone = theirs(keys[chain], algorithm)
        np.testing.assert_allclose(many.position[chain], alone.position, rtol=0, atol=1e-8)


@pytest.mark.parametrize("solver", ["sequential", "jacobi"])
def test_kernels_of_sample_do_not_mix_the_keys_of_chains(solver):
    algorithm = ALGORITHMS["mala"]()
    key = jax.random.key(3, impl="rbg")
    result = pmcmc.sample(
        None,
        jnp.stack([X0, -X0]),
        N,
        kernel=adapter.from_algorithm(algorithm),
        n_chains=2,
        solver=solver,
        rng_key=key,
    )
    for chain, start in enumerate([X0, -X0]):
        keys = adapter.step_keys(key, N, chain)
        _, positions = jax.lax.scan(
            lambda state, key: (algorithm.step(key, state)[0],) * 2, algorithm.init(start), keys
        )
        np.testing.assert_allclose(result.positions[chain], positions.position, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "solver"),
    [
        ("mala", "quasi"),
        ("rmh", "sequential"),
        ("ghmc", "sequential"),
        pytest.param("hmc", "quasi", marks=pytest.mark.slow),
        pytest.param("ghmc", "quasi", marks=pytest.mark.slow),
        pytest.param("mclmc", "quasi", marks=pytest.mark.slow),
    ],
)
def test_no_key_is_used_twice(name, solver):
    # BlackJAX's own loop is without an error, but for dynamic HMC.
    algorithm = ALGORITHMS[name]()
    with jax.debug_key_reuse(True):
        expected = theirs(jax.random.key(3), algorithm)
        check(ours(jax.random.key(3), algorithm, solver), expected)


@pytest.mark.parametrize("implementation", ["threefry2x32", "rbg", "unsafe_rbg"])
def test_step_keys_are_drawn_one_at_a_time(implementation):
    key = jax.random.key(3, impl=implementation)
    chain_key = jax.random.fold_in(key, 2)
    keys = adapter.step_keys(key, 5, chain=2)
    assert (keys == jnp.stack([jax.random.fold_in(chain_key, step) for step in range(5)])).all()


@pytest.mark.parametrize(("name", "x64"), [("mala", True), ("hmc", False)])
def test_the_loop_runs_under_strict_promotion(name, x64):
    def normal(x):
        return -0.5 * jnp.sum(x**2)

    with jax.enable_x64(x64), jax.numpy_dtype_promotion("strict"):
        algorithm = {
            "mala": lambda: blackjax.mala(normal, 0.3),
            "hmc": lambda: blackjax.hmc(normal, 0.3, jnp.ones(2), 3),
        }[name]()
        arguments = (jax.random.key(0), algorithm, 30)
        (expected, _) = blackjax.util.run_inference_algorithm(*arguments, None, jnp.ones(2))
        got, _ = adapter.run_inference_algorithm(*arguments, None, jnp.ones(2))
        assert got.position.dtype == (jnp.float64 if x64 else jnp.float32)
        np.testing.assert_allclose(got.position, expected.position, rtol=1e-5)
