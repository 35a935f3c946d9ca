"""BlackJAX's algorithms in parallel in time give the chains of its own loop."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

from ..helpers.densities import logistic

blackjax = pytest.importorskip("blackjax")

from blackjax.base import SamplingAlgorithm  # noqa: E402

from pmcmc.adapters import blackjax as adapter  # noqa: E402

N = 150
X0 = jnp.full(4, 0.3)
ONES = np.ones(4)


def proposal(rng_key, position):
    return position + 0.5 * jax.random.normal(rng_key, position.shape)


# Each with the derivative-free or Newton-type solver that it is tested with by default.
ALGORITHMS = {
    "mala": (lambda: blackjax.mala(logistic, 0.12), "quasi"),
    "hmc": (lambda: blackjax.hmc(logistic, 0.3, jnp.asarray(ONES), 4), "newton"),
    "barker": (lambda: blackjax.barker(logistic, 0.4), "picard"),
    "rmh": (lambda: blackjax.rmh(logistic, proposal), "picard"),
    "normal random walk": (
        lambda: blackjax.additive_step_random_walk.normal_random_walk(logistic, 0.5 * jnp.eye(4)),
        "picard",
    ),
    "independent Metropolis-Hastings": (
        lambda: blackjax.irmh(logistic, lambda key: jax.random.normal(key, (4,))),
        "picard",
    ),
    "elliptical slice": (
        lambda: blackjax.elliptical_slice(
            lambda x: logistic(x) + 0.5 * jnp.sum(x**2), mean=jnp.zeros(4), cov=jnp.eye(4)
        ),
        "jacobi",
    ),
    "rmhmc": (lambda: blackjax.rmhmc(logistic, 0.2, lambda x: jnp.ones(4), 3), "newton"),
    "nuts": (
        lambda: blackjax.nuts(logistic, 0.4, jnp.asarray(ONES), max_num_doublings=4),
        "jacobi",
    ),
    "ghmc": (lambda: blackjax.ghmc(logistic, 0.3, jnp.asarray(ONES), 0.3, 0.1), "newton"),
    "mclmc": (lambda: blackjax.mclmc(logistic, L=1.5, step_size=0.3), "newton"),
    "dynamic hmc": (lambda: blackjax.dynamic_hmc(logistic, 0.3, jnp.asarray(ONES)), "newton"),
    "adjusted mclmc": (
        lambda: blackjax.adjusted_mclmc(logistic, step_size=0.3, num_integration_steps=5),
        "jacobi",
    ),
}


def loop(algorithm, state, keys):
    """BlackJAX's own chain: states and infos of all steps."""

    def one_step(state, key):
        state, info = algorithm.step(key, state)
        return state, (state, info)

    return jax.jit(lambda s, k: jax.lax.scan(one_step, s, k))(state, keys)[1]


def _numbers(leaf):
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return jax.random.key_data(leaf) if is_key else leaf


def check_same(got, expected):
    """Floats to the tolerance of the solver; decisions, counts and keys exactly."""
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    pairs = zip(*(map(_numbers, jax.tree.leaves(tree)) for tree in (got, expected)), strict=True)
    for ours, theirs in pairs:
        assert ours.dtype == theirs.dtype
        if jnp.issubdtype(theirs.dtype, jnp.floating):
            np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)
        else:
            np.testing.assert_array_equal(ours, theirs)


def check_algorithm(name, solver):
    algorithm = ALGORITHMS[name][0]()
    state = algorithm.init(X0, jax.random.key(1))
    keys = jax.random.split(jax.random.key(2), N)
    states, infos = loop(algorithm, state, keys)
    assert np.std(states.position) > 0.1
    run = adapter.sample_algorithm(algorithm, state, keys, solver=solver)
    assert run.converged
    check_same(run.history, (states, infos))
    check_same(run.final_state, jax.tree.map(lambda leaf: leaf[-1], states))
    return run


@pytest.mark.parametrize("name", ALGORITHMS)
def test_sweeps_give_the_chain_of_lax_scan(name):
    run = check_algorithm(name, ALGORITHMS[name][1])
    assert run.sweeps > 0
    assert run.sequential_steps == 0
    assert run.scaled_residual <= 1


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["sequential", "quasi", "newton", "jacobi", "picard"])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_solver_gives_the_chain_of_lax_scan(name, solver):
    if name == "elliptical slice" and solver not in ("sequential", "jacobi"):
        with pytest.raises(ValueError, match=r"which may never end .* write solver='jacobi'"):
            check_algorithm(name, solver)
    else:
        check_algorithm(name, solver)


@pytest.mark.slow
def test_a_chain_of_several_segments():
    # 16 windows of 4 steps are a segment.
    solver = pmcmc.ParallelNewton(jacobian=pmcmc.solvers.Dense(), window=4)
    assert check_algorithm("dynamic hmc", solver).sweeps > N // 4


def pytree_density(x):
    return logistic(jnp.concatenate([x["a"], x["b"].ravel()]))


@pytest.mark.parametrize(
    ("solver", "make_key"), [("sequential", jax.random.PRNGKey), ("jacobi", jax.random.key)]
)
def test_drop_in_for_run_inference_algorithm(solver, make_key):
    algorithm = blackjax.mala(pytree_density, 0.12)
    position = {"a": jnp.zeros(2), "b": jnp.ones((2, 1))}

    def transform(state, info):
        return {"x": state.position, "is_accepted": info.is_accepted}

    arguments = dict(initial_position=position, transform=transform)
    key = make_key(3)
    expected = blackjax.util.run_inference_algorithm(key, algorithm, 100, **arguments)
    got = adapter.run_inference_algorithm(key, algorithm, 100, **arguments, solver=solver)
    check_same(got, expected)
    # Going on from the final state.
    arguments = dict(initial_state=got[0], transform=transform)
    expected = blackjax.util.run_inference_algorithm(key, algorithm, 50, **arguments)
    check_same(
        adapter.run_inference_algorithm(key, algorithm, 50, **arguments, solver=solver), expected
    )


def test_float32_chain(float32):
    algorithm = blackjax.mala(lambda x: -0.5 * jnp.sum(x**2), 0.5)
    state = algorithm.init(jnp.full(3, 0.3, jnp.float32))
    keys = jax.random.split(jax.random.key(2), N)
    (states, infos) = loop(algorithm, state, keys)
    solver = pmcmc.ParallelNewton(basis=None)
    run = adapter.sample_algorithm(algorithm, state, keys, solver=solver)
    got_states, got_infos = run.history
    assert got_states.position.dtype == np.float32
    np.testing.assert_array_equal(got_infos.is_accepted, infos.is_accepted)
    np.testing.assert_allclose(got_states.position, states.position, atol=1e-3)


def test_second_run_with_other_keys_traces_nothing():
    traces = []

    def logdensity(x):
        traces.append(None)
        return -0.5 * jnp.sum(x**2)

    algorithm = blackjax.mala(logdensity, 0.3)
    for seed in range(3):
        state = algorithm.init(jnp.full(3, float(seed)))
        n_eager = len(traces)
        adapter.sample_algorithm(
            algorithm, state, jax.random.split(jax.random.key(seed), 50 + seed), solver="jacobi"
        )
        assert (len(traces) > n_eager) == (seed == 0)


@pytest.mark.parametrize("solver", ["sequential", "quasi"])
def test_nothing_keeps_an_algorithm_alive(solver):
    def logdensity(x):
        return -0.5 * jnp.sum(x**2)

    alive = weakref.ref(logdensity)
    algorithm = blackjax.mala(logdensity, 0.3)
    for seed in range(2):
        adapter.run_inference_algorithm(seed, algorithm, 30, None, X0, solver=solver)
    del logdensity, algorithm
    gc.collect()
    assert alive() is None


# --- kernels of `pmcmc.sample`


@pytest.mark.parametrize(
    ("name", "solver"),
    [
        ("mala", "sequential"),
        ("mala", "quasi"),
        pytest.param("rmh", "picard", marks=pytest.mark.slow),
        pytest.param("nuts", "newton", marks=pytest.mark.slow),
    ],
)
def test_kernel_is_the_loop_over_its_step_keys(name, solver):
    algorithm = ALGORITHMS[name][0]()
    starts = np.random.default_rng(4).normal(size=(2, 4))
    density = logistic if solver == "quasi" else None  # for the basis of the Hessian
    result = pmcmc.sample(
        density,
        starts,
        N,
        kernel=adapter.from_algorithm(algorithm),
        solver=solver,
        n_chains=2,
        rng_key=7,
    )
    assert result.info.converged.all()
    assert (result.info.sweeps > 0).all() == (solver != "sequential")
    for chain in range(2):
        keys = adapter.step_keys(7, N, chain)
        states, infos = loop(algorithm, algorithm.init(jnp.asarray(starts[chain])), keys)
        np.testing.assert_allclose(result.positions[chain], states.position, atol=1e-8)
        np.testing.assert_allclose(result.stats["logdensity"][chain], states.logdensity, atol=1e-8)
        for stat in set(result.stats) & set(infos._fields):
            got, expected = result.stats[stat][chain], getattr(infos, stat)
            if got.dtype.kind == "f":
                np.testing.assert_allclose(got, expected, atol=1e-8)
            else:
                np.testing.assert_array_equal(got, expected)


def test_kernel_takes_positions_of_the_algorithms_structure():
    algorithm = blackjax.hmc(pytree_density, 0.3, jnp.asarray(ONES), 4)
    x0 = {"a": jnp.zeros(2), "b": jnp.ones((2, 1))}
    result = pmcmc.sample(
        None, x0, 60, kernel=adapter.from_algorithm(algorithm), solver="jacobi", rng_key=3
    )
    states, infos = loop(algorithm, algorithm.init(x0), adapter.step_keys(3, 60))
    for name in x0:
        np.testing.assert_allclose(result.positions[name][0], states.position[name], atol=1e-8)
    np.testing.assert_array_equal(result.stats["is_accepted"][0], infos.is_accepted)
    np.testing.assert_allclose(result.stats["energy"][0], infos.energy, atol=1e-8)
    final = jax.tree.map(lambda leaf: leaf[-1], states.logdensity_grad)
    np.testing.assert_allclose(result.final_state.logdensity_grad["b"], final["b"], atol=1e-8)
    assert str(result.info.kernel) == "AlgorithmKernel(blackjax.base)"


# --- errors


def test_what_is_not_an_algorithm_is_refused():
    message = "algorithm must be a BlackJAX SamplingAlgorithm.* write e.g. blackjax.mala"
    with pytest.raises(ValueError, match=message):
        adapter.from_algorithm(pmcmc.MALA(0.1))
    with pytest.raises(ValueError, match=message):
        adapter.run_inference_algorithm(jax.random.key(0), logistic, 10, initial_position=X0)


def test_a_state_that_is_more_than_a_position_is_refused_by_sample():
    for name, state in [("ghmc", "GHMCState"), ("elliptical slice", "EllipSliceState")]:
        kernel = adapter.from_algorithm(ALGORITHMS[name][0]())
        message = f"{state} with the fields .*position.*run_inference_algorithm"
        with pytest.raises(ValueError, match=message):
            pmcmc.sample(None, X0, 10, kernel=kernel)


def test_elliptical_slices_are_refused_where_they_might_not_end():
    with pytest.raises(ValueError, match=r"which may never end .* write solver='jacobi'"):
        check_algorithm("elliptical slice", "quasi")


@pytest.mark.parametrize("given", [{}, dict(initial_state=X0, initial_position=X0)])
def test_one_start_is_needed(given):
    algorithm = ALGORITHMS["mala"][0]()
    with pytest.raises(ValueError, match="one of initial_state and initial_position"):
        adapter.run_inference_algorithm(jax.random.key(0), algorithm, 10, **given)


@pytest.mark.parametrize(
    ("rng_key", "got"),
    [
        (jax.random.split(jax.random.key(0), 50), "an array of shape (50,) and dtype key<fry>"),
        (np.zeros((50, 50)), "an array of shape (50, 50) and dtype float64"),
        ([1] * 500, "[1, 1, 1, 1,"),
        (2**70, f"{2**70}"),
        (None, "None"),
    ],
)
def test_keys_are_checked_with_one_line(rng_key, got):
    algorithm = ALGORITHMS["mala"][0]()
    remedy = "write rng_key=0 or rng_key=jax.random.key(0)."
    for call in (
        lambda: adapter.run_inference_algorithm(rng_key, algorithm, 10, initial_position=X0),
        lambda: adapter.step_keys(rng_key, 10),
    ):
        with pytest.raises(ValueError, match="rng_key must be one key or an integer") as error:
            call()
        assert f"got {got}" in str(error.value)
        assert str(error.value).endswith(remedy)
        assert len(str(error.value)) < 300
    if got.endswith("key<fry>"):
        return
    with pytest.raises(ValueError, match=r"keys must be one key per step, .*jax.random.split"):
        adapter.sample_algorithm(algorithm, algorithm.init(X0), rng_key)


def test_a_kernel_is_described_by_its_type():
    kernel = np.zeros((100, 100))
    with pytest.raises(ValueError, match="got an instance of ndarray: write to_algorithm"):
        adapter.to_algorithm(logistic, kernel)
    with pytest.raises(ValueError, match="kernel must have a step_size, got ndarray: write"):
        adapter.to_parameters(kernel, X0)


def test_a_counter_that_depends_on_the_position_is_refused():
    def step(rng_key, state):
        position = 0.5 * state["x"] + jax.random.normal(rng_key)
        return {"x": position, "count": state["count"] + (position > 0)}, position

    algorithm = SamplingAlgorithm(lambda position, rng_key=None: position, step)
    state = {"x": jnp.zeros(()), "count": jnp.int32(0)}
    keys = jax.random.split(jax.random.key(0), 30)
    for solver in ("sequential", "newton"):
        with pytest.raises(ValueError, match="must be a function of the step keys alone"):
            adapter.sample_algorithm(algorithm, state, keys, solver=solver)


def test_a_counter_of_steps_is_followed():
    def step(rng_key, state):
        position = 0.9 * state["x"] + jax.random.normal(rng_key) / (1 + state["count"])
        return {"x": position, "count": state["count"] + 1}, position

    algorithm = SamplingAlgorithm(lambda position, rng_key=None: position, step)
    state = {"x": jnp.zeros(()), "count": jnp.int32(0)}
    keys = jax.random.split(jax.random.key(0), 100)
    run = adapter.sample_algorithm(algorithm, state, keys, solver="newton")
    check_same(run.history, loop(algorithm, state, keys))
    assert run.sweeps < 10  # the map of the floats is linear


def test_stopping_early_is_an_error_and_falling_back_a_warning():
    algorithm = ALGORITHMS["mala"][0]()
    arguments = (jax.random.key(0), algorithm, 60)
    jacobi = pmcmc.solvers.ScaledIdentity(0.0)
    solver = pmcmc.ParallelNewton(jacobian=jacobi, max_sweeps=1, fallback=None)
    with pytest.raises(RuntimeError, match="max_sweeps were spent"):
        adapter.run_inference_algorithm(*arguments, initial_position=X0, solver=solver)
    state = algorithm.init(X0)
    keys = jax.random.split(jax.random.key(0), 60)
    assert not adapter.sample_algorithm(algorithm, state, keys, solver=solver).converged
    with pytest.warns(UserWarning, match="of 60 steps were taken one at a time"):
        adapter.run_inference_algorithm(
            *arguments,
            initial_position=X0,
            solver=pmcmc.ParallelNewton(jacobian=jacobi, max_sweeps=2),
        )


def test_hessian_basis_needs_a_recursion_of_positions():
    algorithm = ALGORITHMS["mclmc"][0]()
    state = algorithm.init(X0, jax.random.key(0))
    keys = jax.random.split(jax.random.key(0), 30)
    with pytest.raises(ValueError, match="basis='hessian' is for positions"):
        adapter.sample_algorithm(
            algorithm, state, keys, solver=pmcmc.ParallelNewton(basis="hessian")
        )
