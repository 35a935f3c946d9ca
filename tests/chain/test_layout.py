"""Which layout of the chains is taken: a pure function of what was measured."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._arguments import as_task
from pmcmc._chain.chain_method import check_device
from pmcmc._chain.layout import Layout, candidates
from pmcmc._chain.layouts import Layouts, Measured, choose
from pmcmc._util.jaxprs import Contents
from pmcmc._util.threads import n_cores
from pmcmc.solvers import ParallelNewton, Sequential

from ..helpers.densities import gaussian

ONE, HALF, WHOLE = Layout(1, 2), Layout(2, 2), Layout(4, 1)
LONG = 10**6
LOOP, CHEAP, HEAVY = (
    Contents(True, False, 10),
    Contents(False, False, 10),
    Contents(False, False, 10**5),
)


def known(seconds_per_step, compile_seconds=1.0, n_trials=2):
    return Measured(seconds_per_step, compile_seconds, n_trials)


@pytest.mark.parametrize(
    ("method", "n_chains", "n_steps", "is_cpu", "n_cores", "with_loop"),
    [
        ("auto", 1, LONG, True, 8, [(1, 1)]),
        ("auto", 2, LONG, True, 8, [(1, 2), (2, 1)]),
        ("auto", 8, LONG, True, 8, [(1, 8), (8, 1)]),
        ("auto", 9, LONG, True, 8, [(1, 8), (2, 8)]),
        ("auto", 4, LONG, True, 1, [(1, 1), (4, 1)]),
        ("auto", 4, 500, True, 8, [(1, 4), (4, 1)]),
        ("auto", 300, LONG, True, 8, [(300, 1)]),
        ("auto", 4, LONG, False, 8, [(4, 1)]),
        ("parallel", 4, 1, True, 2, [(1, 2)]),
        ("vectorized", 4, LONG, True, 2, [(4, 1)]),
        ("sequential", 4, LONG, True, 2, [(1, 1)]),
        ("sequential", 300, 1, False, 2, [(1, 1)]),
    ],
)
def test_options(method, n_chains, n_steps, is_cpu, n_cores, with_loop):
    found = candidates(method, n_chains, n_steps, is_cpu, n_cores, LOOP, False)
    assert [*map(tuple, found)] == with_loop


def test_without_loops_batches_come_first_of_all_chains_unless_there_are_many():
    for n_chains, cores, batch in [
        (2, 8, (2, 1)),
        (8, 8, (8, 1)),
        (9, 8, (9, 1)),
        (4, 2, (4, 1)),
        (7, 2, (4, 2)),
        (32, 8, (4, 8)),
    ]:
        found = candidates("auto", n_chains, LONG, True, cores, CHEAP, False)
        one = (1, min(n_chains, cores))
        assert [*map(tuple, found)] == [batch, one]
        # Many operations for few chains are spread over threads first.
        first = candidates("auto", n_chains, LONG, True, cores, HEAVY, False)[0]
        assert first == (one if batch[1] == 1 else batch)


@pytest.mark.parametrize(("n_chains", "expected"), [(30, (1, 2)), (31, (16, 2)), (32, (16, 2))])
def test_loops_are_fast_enough_in_wide_blocks(n_chains, expected):
    assert candidates("auto", n_chains, LONG, True, 2, LOOP, False)[0] == expected
    assert candidates("auto", n_chains, LONG, True, 2, LOOP, True)[0] == (1, 2)


@pytest.mark.parametrize(
    ("inside", "expected"), [(LOOP, Layout(1, 4)), (CHEAP, WHOLE), (HEAVY, Layout(1, 4))]
)
def test_short_runs_measure_nothing(inside, expected):
    assert candidates("auto", 4, 499, True, 8, inside, False) == (expected,)
    assert len(candidates("auto", 4, 500, True, 8, inside, False)) == 2


@pytest.mark.parametrize(
    ("seen", "n_steps", "expected"),
    [
        ({}, LONG, ONE),
        ({ONE: known(math.inf, 1.0, 0)}, LONG, ONE),
        ({ONE: known(1e-4, n_trials=1)}, LONG, ONE),
        ({ONE: known(1e-4)}, LONG, WHOLE),
        ({ONE: known(1e-4), WHOLE: known(1e-3, n_trials=1)}, LONG, WHOLE),
        ({ONE: known(1e-4), WHOLE: known(1e-3)}, LONG, ONE),
        ({ONE: known(1e-4), WHOLE: known(5e-5)}, LONG, WHOLE),
        # What compiling takes is weighed against the whole run, and only as long as it has not
        # been done.
        ({ONE: known(1e-4)}, 90_000, ONE),
        ({ONE: known(1e-4)}, 110_000, WHOLE),
        ({ONE: known(1e-4), WHOLE: known(5e-5)}, 1, WHOLE),
    ],
)
def test_choice(seen, n_steps, expected):
    assert choose((ONE, WHOLE), seen, n_steps) == expected


def test_many_short_runs_pay_for_a_trial_of_another_layout():
    seen = {}
    Layouts((ONE, WHOLE), 4, 1000, seen).took(ONE, 0, 0.495, 8192)  # compiles
    chosen = []
    for _ in range(60):  # runs of 0.1 s, where a step takes 0.1 ms
        layouts = Layouts((ONE, WHOLE), 4, 1000, seen)
        chosen.append(layouts.current)
        per_step = {ONE: 1e-4, WHOLE: 2e-5}[layouts.current]
        layouts.took(layouts.current, 1000, 1000 * per_step, 8192)
    assert chosen == [ONE] * 50 + [WHOLE] * 10


def test_a_fixed_layout_has_segments_that_no_clock_decides():
    layouts = Layouts((ONE,), 4, LONG, {})
    for seconds in (1e-3, 1e3):
        assert layouts.piece(LONG, 8192) == 8192
        assert layouts.piece(77, 8192) == 77
        layouts.took(ONE, 8192, seconds, 8192)


def test_trials_grow_until_they_tell_and_segments_are_bounded_after_that():
    layouts = Layouts((ONE, WHOLE), 4, LONG, {})
    layouts.took(ONE, 0, 0.5, 8192)
    sizes = []
    while layouts.current == ONE:
        sizes.append(layouts.piece(LONG, 8192))
        layouts.took(ONE, sizes[-1], 1e-4 * sizes[-1], 8192)
    assert sizes == [32, 128, 512, 512]
    for _ in range(2):  # ten thousand times slower, the first trials tell
        assert layouts.current == WHOLE
        assert layouts.piece(LONG, 8192) == 32
        layouts.took(WHOLE, 32, 32.0, 8192)
    assert layouts.current == ONE
    assert layouts.is_settled
    assert layouts.piece(LONG, 10**5) == 10**4  # a second
    method = layouts.chain_method
    assert method[:3] == ("parallel, 2 threads", 1, 2)
    assert method.seconds_per_step == {"parallel, 2 threads": 1e-4, "vectorized": 1.0}
    assert "parallel, 2 threads (a step of all chains: " in str(method)


def test_trials_of_sweeps_fill_their_windows():
    layouts = Layouts((ONE, WHOLE), 4, LONG, {})
    assert layouts.piece(LONG, 4096, 512) == 512  # 32 steps would be charged for a whole window
    assert layouts.piece(77, 4096, 512) == 77
    task = as_task(gaussian, np.zeros((4, 2)), "mala", 4, 0)
    for solver, least in [(Sequential(), 32), (ParallelNewton(window=256), 512)]:
        runner = task.runner(solver, pmcmc.MALA(0.1), LONG)
        runner.layouts = Layouts((ONE, WHOLE), 4, LONG, {})
        assert runner.piece(LONG) == least


def test_one_slow_trial_does_not_decide():
    layouts = Layouts((ONE, WHOLE), 4, LONG, {ONE: known(1e-4)})
    layouts.took(WHOLE, 32, 1.0, 8192)
    layouts.took(WHOLE, 32, 1e-5 * 32, 8192)
    assert layouts.current == WHOLE


def test_trials_also_grow_after_one_that_was_held_up():
    layouts = Layouts((ONE, WHOLE), 4, LONG, {})
    layouts.took(ONE, 1, 0.035, 8192)  # takes as long as a trial of many steps
    sizes = []
    while layouts.current == ONE and len(sizes) < 10:
        sizes.append(layouts.piece(LONG, 8192))
        layouts.took(ONE, sizes[-1], 2e-5 * sizes[-1], 8192)
    assert sizes == [32, 128, 512, 2048]
    assert layouts._seen[ONE].seconds_per_step == pytest.approx(2e-5)


def test_a_trial_is_about_steps_rather_than_calls():
    layouts = Layouts((ONE, WHOLE), 4, LONG, {})
    for seconds in (5.0, 0.1):  # with compiling, and without
        layouts.took(ONE, 0, seconds, 8192)
    sizes = []
    while layouts.current == ONE:
        sizes.append(layouts.piece(LONG, 8192))
        layouts.took(ONE, sizes[-1], 0.1 + 1e-4 * sizes[-1], 8192)
    assert sizes == [32, 128, 512, 512]
    # Nearly: every segment of a long run has its call.
    assert layouts._seen[ONE].seconds_per_step == pytest.approx(1e-4 + 0.1 / 8192)
    layouts.took(ONE, 8192, 0.7, 8192)
    assert layouts._seen[ONE].seconds_per_step == pytest.approx(0.7 / 8192)
    layouts.took(WHOLE, 0, 5.0, 8192)
    layouts.took(WHOLE, 0, 1e3, 8192)  # the clock was held up: steps are not free
    layouts.took(WHOLE, 32, 1.0, 8192)
    assert layouts._seen[WHOLE].seconds_per_step == pytest.approx(0.1 / 32 + 0.9 / 8192)


@pytest.mark.parametrize(
    ("layout", "n_chains", "expected"),
    [(ONE, 4, 2), (ONE, 1, 1), (WHOLE, 4, 4), (Layout(16, 2), 32, 32), (ONE, 320, 20)],
)
def test_memory_is_for_chains_at_once_and_a_share_of_those_that_wait(layout, n_chains, expected):
    assert layout.n_at_once(n_chains) == expected


def test_what_is_known_of_a_density_is_used_again():
    seen = {}
    Layouts((ONE, WHOLE), 4, LONG, seen).took(ONE, 10**4, 1.0, 8192)
    Layouts((ONE, WHOLE), 4, LONG, seen).took(ONE, 10**4, 1.0, 8192)
    assert Layouts((ONE, WHOLE), 4, LONG, seen).current == WHOLE


@pytest.mark.parametrize("bad", ["threads", None, 3, ["auto"]])
def test_a_method_that_does_not_exist(bad):
    for call in (pmcmc.sample, pmcmc.plan):
        with pytest.raises(
            ValueError, match=r"chain_method must be one of 'auto', .*, got .*: wri"
        ):
            call(gaussian, np.zeros(2), 5, chain_method=bad)
    for call in (pmcmc.warmup, pmcmc.burn_in):
        with pytest.raises(
            ValueError, match=r"chain_method must be one of 'auto', .*, got .*: wri"
        ):
            call(gaussian, np.zeros(2), chain_method=bad)


def test_threads_are_for_a_cpu():
    class Device:
        platform = "gpu"

        def __repr__(self):
            return "cuda:0"

    check_device("auto", Device())
    with pytest.raises(ValueError, match=r"'parallel' .* positions on cuda:0: write chain_method="):
        check_device("parallel", Device())


def looped(x):
    return -jax.lax.fori_loop(0, 3, lambda _, total: total + x @ x, 0.0)


def layout_of(logdensity, solver, chain_method="auto", n_steps=1000, n_chains=4):
    starts = np.zeros((n_chains, 2))
    kernel = pmcmc.RandomWalkMetropolis(0.5)
    task = as_task(logdensity, starts, kernel, n_chains, 0, None, chain_method=chain_method)
    return task.runner(solver, task.kernel, n_steps).layouts.current


def test_functions_of_python_are_called_from_one_program():
    def by_host(x):
        shape = jax.ShapeDtypeStruct((), x.dtype)
        return jax.pure_callback(lambda x: -(x @ x), shape, x, vmap_method="sequential")

    assert layout_of(by_host, pmcmc.Sequential()) == Layout(4, 1)
    assert layout_of(looped, pmcmc.Sequential()).block == 1


@pytest.mark.skipif(n_cores() > 4, reason="blocks are smaller on more cores")
def test_batches_come_first_where_a_log_density_has_no_loops():
    assert layout_of(looped, pmcmc.Sequential(), n_chains=16).block == 1
    assert layout_of(gaussian, pmcmc.Sequential(), n_chains=16).block == -(-16 // n_cores())


def factorized(x):
    return -jnp.sum(jnp.log(jnp.diagonal(jnp.linalg.cholesky((1 + x @ x) * jnp.eye(9)))))


def factorized_in_a_batch(x):
    return jnp.sum(jnp.linalg.cholesky((1 + x @ x) * jnp.stack([jnp.eye(9)] * 3)))


SPECULATIVE = pmcmc.Speculative(surrogate=gaussian, window=8)


@pytest.mark.parametrize("method", ["auto", "parallel"])
@pytest.mark.parametrize(
    ("logdensity", "solver", "is_safe"),
    [
        (factorized, pmcmc.Sequential(), True),
        (factorized, SPECULATIVE, False),
        (factorized_in_a_batch, pmcmc.Sequential(), False),
        (gaussian, SPECULATIVE, True),
    ],
)
def test_batches_of_matrices_are_not_factorized_by_two_programs_at_once(
    monkeypatch, logdensity, solver, is_safe, method
):
    """XLA's threads wait for one another for good then."""
    monkeypatch.setattr("pmcmc._planning.task.n_cores", lambda: 2)
    task = as_task(logdensity, np.zeros((16, 2)), pmcmc.RandomWalkMetropolis(0.5), 16, 0, None)
    task = task._replace(chain_method=method)
    options = task.runner(solver, task.kernel, 1000).layouts._options
    at_once = {layout.block for layout in options if layout.n_threads > 1}
    assert (1 in at_once) == is_safe
    assert (8 in at_once) == (logdensity is gaussian and method == "auto")


def test_a_guess_of_all_chains_is_not_divided():
    guess = pmcmc.solvers.TrajectoryGuess(np.zeros((4, 1000, 2)))
    solver = pmcmc.ParallelNewton(guess=guess)
    assert layout_of(gaussian, solver, "parallel") == Layout(4, 1)
