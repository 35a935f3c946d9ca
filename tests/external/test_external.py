"""Log densities that are Python functions: the chain is that of a plain loop in Python."""

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from tests.external import functions

START = {"a": np.array([0.5, -0.5]), "b": np.array(0.2)}
N_STEPS, STEP_SIZE = 60, 0.7


def in_jax(x):
    return -0.5 * jnp.sum((x["a"] - 1.0) ** 2) - 2.0 * x["b"] ** 2


def loop(n_steps=N_STEPS, seed=0):
    """A random walk, with the noise of `sample` and a plain loop."""
    key = jax.random.fold_in(jax.random.key(seed), 0)
    kernel = pmcmc.RandomWalkMetropolis(STEP_SIZE).flatten(lambda x: x)
    x, rows, accepted = np.array([0.5, -0.5, 0.2]), [], []
    value = functions.normal({"a": x[:2], "b": x[2]})
    for t in range(n_steps):
        noise = kernel.draw_noise(jax.random.fold_in(key, t), jnp.asarray(x))
        proposal = x + np.asarray(noise.move)
        theirs = functions.normal({"a": proposal[:2], "b": proposal[2]})
        accepted.append(np.log(float(noise.uniform)) < theirs - value)
        if accepted[-1]:
            x, value = proposal, theirs
        rows.append(x)
    return np.array(rows), np.array(accepted)


@pytest.fixture(scope="module")
def expected():
    return loop()


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(3) as executor:
        yield executor


def sampled(function, n_steps=N_STEPS, **changes):
    arguments = dict(kernel=pmcmc.RandomWalkMetropolis(STEP_SIZE)) | changes
    return pmcmc.sample(function, START, n_steps, **arguments)


def assert_is(result, expected):
    rows, accepted = expected
    np.testing.assert_array_equal(result.stats["is_accepted"][0], accepted)
    np.testing.assert_allclose(result.positions["a"][0], rows[:, :2], rtol=1e-13)
    np.testing.assert_allclose(result.positions["b"][0], rows[:, 2], rtol=1e-13)


@pytest.mark.parametrize("solver", ["auto", "sequential", "speculative"])
def test_one_chain(solver, threads, expected):
    function = pmcmc.external(functions.normal, executor=threads)
    result = sampled(function, solver=solver)
    assert_is(result, expected)
    is_loop = solver == "sequential"
    assert bool(result.info.sweeps[0]) != is_loop
    assert result.info.solver.describe() == ("Sequential" if is_loop else "Speculative")
    assert is_loop or result.info.solver.window == 3
    assert is_loop or result.info.sweeps[0] < 0.6 * N_STEPS  # of at least 20
    most = N_STEPS + 1 if is_loop else 3 * result.info.sweeps[0] + 1
    assert function.n_evaluations <= most


def test_processes_of_our_own(expected):
    pytest.importorskip("loky")
    function = pmcmc.external(functions.normal, n_workers=2)
    assert_is(sampled(function), expected)
    n_before = function.n_evaluations
    assert_is(sampled(function), expected)
    assert function.n_evaluations == n_before  # it remembers


def test_several_chains_are_one_batch(threads):
    function = pmcmc.external(functions.normal, executor=threads)
    starts = jax.tree.map(lambda x: np.stack([x, x - 1.0, x, x + 2.0]), START)
    arguments = dict(kernel=pmcmc.RandomWalkMetropolis(STEP_SIZE), n_chains=4)
    result = pmcmc.sample(function, starts, 30, **arguments)
    expected = pmcmc.sample(in_jax, starts, 30, **arguments, solver="sequential")
    np.testing.assert_array_equal(result.stats["is_accepted"], expected.stats["is_accepted"])
    np.testing.assert_allclose(result.positions["a"], expected.positions["a"], rtol=1e-12)
    assert result.info.chain_method.name == "vectorized"


def test_gradients(threads):
    function = pmcmc.external(functions.normal_and_gradient, executor=threads, gradient=True)
    kernel = pmcmc.MALA(0.2)
    expected = sampled(in_jax, kernel=kernel, solver="sequential")
    for solver in ("sequential", "speculative"):
        result = sampled(function, kernel=kernel, solver=solver)
        np.testing.assert_array_equal(result.stats["is_accepted"], expected.stats["is_accepted"])
        np.testing.assert_allclose(result.positions["a"], expected.positions["a"], rtol=1e-10)


def test_the_warm_up_and_surrogate_hmc(threads):
    function = pmcmc.external(functions.normal, executor=threads)
    for kernel in ("random_walk", "surrogate_hmc"):
        result = sampled(function, 400, kernel=kernel, n_warmup=400)
        assert abs(result.positions["a"].mean() - 1.0) < 0.35
        assert 0.2 < result.positions["b"].std() / 0.5 < 2.0


def test_float32(threads, expected):
    with jax.enable_x64(False):
        function = pmcmc.external(functions.normal, executor=threads)
        result = pmcmc.sample(
            function,
            jax.tree.map(lambda x: x.astype(np.float32), START),
            30,
            kernel=pmcmc.RandomWalkMetropolis(STEP_SIZE),
        )
    assert result.positions["a"].dtype == np.float32
    assert np.isfinite(result.positions["a"]).all()


@pytest.mark.parametrize("n_failures", [1, 2])
def test_an_exception_is_tried_once_more(n_failures, threads, tmp_path, expected):
    failing = functions.marked(tmp_path, n_failures, functions.fail)
    function = pmcmc.external(failing, executor=threads)
    if n_failures == 1:
        assert_is(sampled(function, solver="sequential"), expected)
        return
    words = r"failed 2 times at \{a: \[.*\], b: .*\}: OSError: no license for the simulator"
    with pytest.raises(RuntimeError, match=words) as error:
        sampled(function, solver="sequential")
    assert "in steps" in str(error.value)


def test_a_worker_that_dies_loses_nothing(tmp_path, expected):
    pytest.importorskip("loky")
    function = pmcmc.external(functions.marked(tmp_path, 1, functions.die), n_workers=2)
    assert_is(sampled(function), expected)
    assert len(list(tmp_path.iterdir())) >= 1


def test_a_timeout(tmp_path, expected):
    pytest.importorskip("loky")
    function = pmcmc.external(
        functions.marked(tmp_path, 1, functions.hang), n_workers=2, timeout=8.0
    )
    assert_is(sampled(function), expected)
    assert len(list(tmp_path.iterdir())) >= 1


def test_what_is_not_finite_is_rejected(threads):
    def half(x):
        return functions.normal(x) if x["a"][0] < 1.0 else float("nan")

    result = sampled(pmcmc.external(half, executor=threads), 100)
    assert (result.positions["a"][..., 0] < 1.0).all()
    assert result.stats["is_divergent"].any()


def test_a_run_on_disk_goes_on_after_a_failure(threads, tmp_path, expected):
    pytest.importorskip("zarr")
    (tmp_path / "failures").mkdir()
    failing = functions.marked(tmp_path / "failures", 2, functions.fail)
    function = pmcmc.external(failing, executor=threads)
    with pytest.raises(RuntimeError, match="no license"):
        sampled(function, solver="sequential", store=tmp_path / "run.zarr")
    assert_is(pmcmc.resume(tmp_path / "run.zarr", function), expected)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pmcmc.external(3), "function must be a function of the position"),
        (lambda: pmcmc.external(len, executor="threads"), "executor must have a method submit"),
        (lambda: pmcmc.external(len, n_workers=0), "n_workers must be a positive integer"),
        (lambda: pmcmc.external(len, timeout=-1.0), "timeout must be a positive"),
        (lambda: pmcmc.external(len, gradient=1), "gradient must be True or False"),
        (lambda: sampled(pmcmc.external(functions.normal), kernel="mala"), "without gradients"),
        (lambda: sampled(pmcmc.external(functions.normal), kernel=None), "kernel='random_walk'"),
    ],
)
def test_bad_arguments(call, words):
    with pytest.raises(ValueError, match=words):
        call()


class OfUnknownSize:
    def submit(self, *call):
        pytest.fail("nothing is to be submitted")


def test_an_executor_of_unknown_size():
    with pytest.raises(ValueError, match=r"OfUnknownSize does not report: write e.g. n_workers=8"):
        pmcmc.external(functions.normal, executor=OfUnknownSize())


def test_what_returns_no_number(threads):
    for function in (lambda x: x["a"], lambda x: None, lambda x: "1"):
        words = r"^the function of .* must return a real number, as in `return float\(value\)`, got"
        with pytest.raises(RuntimeError, match=words):
            sampled(pmcmc.external(function, executor=threads))
    for function in (functions.normal, lambda x: (1.0, x["a"])):
        with pytest.raises(RuntimeError, match="a real number and its gradient"):
            sampled(pmcmc.external(function, executor=threads, gradient=True), kernel="mala")


def test_newton_sweeps_are_refused(threads):
    function = pmcmc.external(functions.normal_and_gradient, executor=threads, gradient=True)
    with pytest.raises(ValueError, match="write solver='sequential'"):
        sampled(function, kernel=pmcmc.MALA(0.1), solver="quasi")


def test_ctrl_c_does_not_wait_for_the_function(threads, tmp_path):
    import signal
    import threading
    import time

    pytest.importorskip("zarr")

    def slow(x):
        time.sleep(0.05)
        return functions.normal(x)

    function = pmcmc.external(slow, executor=threads)
    sampled(function, 1)  # compiled
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(2.0, signal.raise_signal, [signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            sampled(function, 5_000)
        assert function.n_evaluations < 2_500  # it did not wait for the rest
    finally:
        signal.signal(signal.SIGINT, before)


def test_rows_behind_the_end_are_not_evaluated():
    with ThreadPoolExecutor(8) as executor:
        function = pmcmc.external(functions.normal, executor=executor)
        result = sampled(function, 5, kernel=pmcmc.RandomWalkMetropolis(0.01))
    assert result.info.solver.window == 8
    assert result.info.sweeps[0] == 1
    assert function.n_evaluations == 6  # the start, and five steps that were predicted right


def test_positions_are_told_apart_by_all_that_is_in_them(threads):
    function = pmcmc.external(functions.normal, executor=threads)
    for b in (0.0, 1.0, 2.0, 1.0):
        position = {"a": np.ones(2), "b": np.array(b)}
        assert float(function(position)) == functions.normal(position)
    assert function.n_evaluations == 3
