"""Reverse or forward mode: the choice, when it is measured, and what users see of it."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._arguments import as_task
from pmcmc._chain import gradient
from pmcmc._chain.gradient import (
    Evidence,
    chosen_mode,
    is_worth_timing,
    may_gain,
    seconds_of_both,
)
from pmcmc._util.jaxprs import Contents, contents_of

from ..helpers.loops import in_loop, in_while_loop, with_reverse_rule, with_rule

KERNEL = pmcmc.MALA(step_size=0.15)
START = np.array([0.5, -0.8])
BOTH = ("reverse", "forward")
LOOP = Evidence(4, Contents(True, False), BOTH, {})


@pytest.fixture
def planted(monkeypatch):
    """Seconds that timing finds in place of the true ones; the problems that were timed."""
    seconds, timed = {"reverse": 1.0, "forward": 1.0, "of all": None}, []

    def both(problem, _, is_worth):
        timed.append(problem)
        found = {mode: seconds[mode] for mode in BOTH}
        return found if is_worth(seconds["reverse"]) else {}

    monkeypatch.setattr(
        gradient, "rough_seconds", lambda *_: seconds["of all"] or seconds["reverse"]
    )
    monkeypatch.setattr(gradient, "seconds_of_both", both)
    return seconds, timed


@pytest.mark.parametrize(
    ("evidence", "mode"),
    [
        (LOOP, "reverse"),
        (LOOP._replace(seconds={"reverse": 5.0, "forward": 1.0}), "forward"),
        (LOOP._replace(seconds={"reverse": 1.1, "forward": 1.0}), "reverse"),
        (LOOP._replace(seconds={"reverse": 1.0, "forward": 5.0}), "reverse"),
        (LOOP._replace(dim=500, seconds={"reverse": 5.0, "forward": 1.0}), "reverse"),
        (LOOP._replace(possible=("forward",)), "forward"),
        (LOOP._replace(possible=("forward",), dim=500), "forward"),
        (LOOP._replace(possible=("reverse",)), "reverse"),
        (LOOP._replace(possible=()), "reverse"),
    ],
)
def test_the_choice(evidence, mode):
    assert chosen_mode(evidence) == mode


@pytest.mark.parametrize(
    ("change", "gains"),
    [
        ({}, True),
        (dict(dim=30), True),
        (dict(dim=31), False),
        (dict(contents=Contents(False, False)), False),
        (dict(contents=Contents(True, True)), False),
        (dict(possible=("reverse",)), False),
        (dict(possible=("forward",)), False),
    ],
)
def test_what_may_gain(change, gains):
    assert may_gain(LOOP._replace(**change)) == gains


def test_timing_has_to_be_worth_it():
    assert is_worth_timing(5e-4, 10_000)
    assert not is_worth_timing(5e-4, 1_000)


def test_timing_counts_gradients():
    ticks = iter(range(1000))
    problem = chosen(in_loop)
    assert set(seconds_of_both(problem, lambda: next(ticks), lambda _: True)) == set(BOTH)
    assert next(ticks) == 4 * 1 + 4 * 5  # once each, and in five turns
    assert not seconds_of_both(problem, lambda: next(ticks), lambda _: False)
    assert next(ticks) == 24 + 1 + 2  # reverse mode once


def test_what_a_traced_function_holds():
    def of(function):
        return contents_of(jax.make_jaxpr(function)(START))

    def scan_in_branch(x):
        loop = lambda y: jax.lax.scan(lambda c, _: (c * y[0], None), 1.0, None, 3)[0]  # noqa: E731
        return jax.lax.cond(x[0] > 0, jax.jit(loop), jnp.sum, x)

    def with_print(x):
        jax.debug.print("{}", x[0])
        return jnp.sum(x)

    def of_host(x):
        return jax.pure_callback(np.sum, jax.ShapeDtypeStruct((), x.dtype), x)

    assert of(lambda x: jnp.sum(x**2))[:2] == (False, False)
    for function in (in_loop, in_while_loop, with_rule, with_reverse_rule, scan_in_branch):
        assert of(function)[:2] == (True, False)
    for function in (with_print, of_host, jax.jit(of_host)):
        assert of(function)[:2] == (False, True)
    # Squares and their sum; products of a matrix count what they sum over.
    assert of(lambda x: jnp.sum(x * x)).n_operations == START.size + 1
    assert of(lambda x: jnp.ones((7, START.size)) @ x).n_operations >= 7 * START.size


def chosen(logdensity, n_steps=100, kernel=KERNEL, x0=START, **options):
    return as_task(logdensity, x0, kernel, 1, 0, n_steps=n_steps, **options).problem


def test_short_runs_time_a_gradient_once(monkeypatch):
    def mine(x):
        return in_loop(x)

    calls = []
    monkeypatch.setattr(gradient, "rough_seconds", lambda *_: calls.append(0) or 1e-9)
    assert [chosen(mine).logdensity.gradient_mode for _ in range(3)] == ["reverse"] * 3
    assert len(calls) == 1


@pytest.mark.parametrize("logdensity", [in_loop, with_rule])
def test_the_faster_way_is_taken_and_remembered(planted, logdensity):
    def mine(x):
        return logdensity(x)

    seconds, timed = planted
    seconds["forward"] = 0.1
    assert chosen(mine, n_steps=2).logdensity.gradient_mode == "reverse"
    assert not timed
    for n_steps in (100, 100, 2):
        problem = chosen(mine, n_steps)
        assert problem.logdensity.gradient_mode == "forward"
        assert problem.gradient_seconds == {"reverse": 1.0, "forward": 0.1}
    assert len(timed) == 1
    seconds["forward"] = 10.0
    assert chosen(mine, x0=np.zeros(3)).logdensity.gradient_mode == "reverse"
    assert len(timed) == 2


def test_short_runs_add_up(planted):
    def mine(x):
        return in_loop(x)

    planted[0]["forward"] = 0.1
    modes = [chosen(mine, n_steps=1).logdensity.gradient_mode for _ in range(4)]
    assert modes == ["reverse", "reverse", "forward", "forward"]  # after 3 gradients of a second


def test_what_is_remembered_goes_with_the_function(planted):
    def mine(x):
        return in_loop(x)

    chosen(mine)
    reference = weakref.ref(mine)
    planted[1].clear()  # which holds what was timed
    del mine
    gc.collect()
    assert reference() is None


def test_nothing_is_timed_where_there_is_nothing_to_gain(planted):
    def printed(x):
        jax.debug.callback(lambda _: None, x)
        return in_loop(x)

    assert chosen(lambda x: -jnp.sum(x**2)).logdensity.gradient_mode == "reverse"
    assert chosen(in_loop, x0=np.zeros(500)).logdensity.gradient_mode == "reverse"
    assert chosen(with_reverse_rule).logdensity.gradient_mode == "reverse"
    assert chosen(printed).logdensity.gradient_mode == "reverse"
    assert (
        chosen(in_loop, kernel=pmcmc.RandomWalkMetropolis(0.1)).gradient_mode(KERNEL) == "reverse"
    )
    assert not planted[1]
    asked = chosen(in_loop, x0=np.zeros(500), gradient_mode="forward")
    assert asked.logdensity.gradient_mode == "forward"


def test_the_result_says_what_was_measured(planted):
    planted[0]["forward"] = 0.25

    def mine(x):
        return in_loop(x)

    def run(kernel):
        return pmcmc.sample(mine, START, 40, kernel=kernel, solver="sequential", rng_key=3)

    result = run(KERNEL)
    assert result.info.gradient_seconds == {"reverse": 1.0, "forward": 0.25}
    assert "gradient    forward mode (reverse 1,000,000 us, forward 250,000 us)" in repr(result)
    walk = run(pmcmc.RandomWalkMetropolis(0.1))
    assert walk.info.gradient_mode is None
    assert "gradient  " not in repr(walk)


@pytest.mark.parametrize(
    ("chain_method", "n_timed"),
    [("auto", 1), ("parallel", 1), ("sequential", 1), ("vectorized", 4)],
)
def test_as_many_chains_are_timed_as_one_program_has(planted, chain_method, n_timed):
    def mine(x):
        return in_loop(x)

    starts, seconds = np.tile(START, (4, 1)), planted[0]
    seconds["forward"] = 0.1
    as_task(mine, starts, KERNEL, 4, 0, chain_method=chain_method, n_steps=1000)
    assert [problem.positions.shape for problem in planted[1]] == [(n_timed, 2)]
    other = "sequential" if chain_method == "vectorized" else "vectorized"
    seconds["forward"] = 10.0
    task = as_task(mine, starts, KERNEL, 4, 0, chain_method=other, n_steps=1000)
    assert task.problem.logdensity.gradient_mode == "reverse"


def test_chains_one_after_another_count_all_their_gradients(planted):
    def n_timed(n_steps):
        options = dict(chain_method="sequential", n_steps=n_steps)
        task = as_task(jax.jit(in_loop), np.tile(START, (4, 1)), KERNEL, 4, 0, **options)
        return len(task.problem.gradient_seconds)

    planted[0].update({"reverse": 0.01, "forward": 0.001, "of all": 0.1})
    assert n_timed(74) == 0
    assert n_timed(76) == 2  # 4 * 76 gradients of 0.01 s take more than 3 s


def test_trajectories_count_all_their_gradients(planted):
    planted[0].update(reverse=0.01, forward=0.001)
    kernel = pmcmc.HMC(step_size=0.1, num_integration_steps=40)
    assert chosen(jax.jit(in_loop), 10).logdensity.gradient_mode == "reverse"
    assert chosen(jax.jit(in_loop), 10, kernel=kernel).logdensity.gradient_mode == "forward"
