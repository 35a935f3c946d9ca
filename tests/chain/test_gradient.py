"""How gradients are taken: the choice, the two ways beside closed forms, and what users see."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._adaptation.criteria.metric import _all_gradients
from pmcmc._arguments import as_task
from pmcmc._chain import gradient
from pmcmc._chain.basis import _hessian_at_mode
from pmcmc._chain.gradient import (
    Evidence,
    chosen_mode,
    is_worth_timing,
    may_gain,
    seconds_of_both,
)
from pmcmc._util.jaxprs import Contents, contents_of

from ..helpers.kernels import mala_loop, noise_of

KERNEL = pmcmc.MALA(step_size=0.15)
START = np.array([0.5, -0.8])
BOTH = ("reverse", "forward")
LOOP = Evidence(4, Contents(True, False), BOTH, {})


def in_loop(x):
    """The density of `in_loop_numpy`, its quartic summed up in four rounds."""
    quartic = jax.lax.fori_loop(0, 4, lambda _, total: total - jnp.sum(x**4) / 16, jnp.zeros(()))
    return quartic - jnp.sum((x - 1) ** 2) / 2


def in_loop_numpy(x):
    return -np.sum(x**4) / 4 - np.sum((x - 1) ** 2) / 2, -(x**3) - (x - 1)


def in_while_loop(x):
    """The same; JAX has no reverse mode for it."""

    def goes_on(carry):
        return carry[0] < 4

    def add(carry):
        return carry[0] + 1, carry[1] - jnp.sum(x**4) / 16

    return jax.lax.while_loop(goes_on, add, (0, jnp.zeros(())))[1] - jnp.sum((x - 1) ** 2) / 2


@jax.custom_vjp
def with_reverse_rule(x):
    return in_loop(x)


with_reverse_rule.defvjp(lambda x: (in_loop(x), x), lambda x, g: (g * (-(x**3) - (x - 1)),))


@jax.custom_jvp
def with_rule(x):
    return in_loop(x)


with_rule.defjvp(lambda x, v: (in_loop(x[0]), jnp.sum((-(x[0] ** 3) - (x[0] - 1)) * v[0])))


def run(logdensity, n_steps=40, **options):
    options = dict(kernel=KERNEL, solver="sequential", rng_key=3) | options
    return pmcmc.sample(logdensity, START, n_steps, **options)


def expected(n_steps=40):
    noise = noise_of(KERNEL, jax.random.key(3), 0, n_steps, 2)
    return mala_loop(in_loop_numpy, START, KERNEL.step_size, noise)[0]


@pytest.fixture
def planted(monkeypatch):
    """Seconds that timing finds in place of the true ones; the problems that were timed."""
    seconds, timed = {"reverse": 1.0, "forward": 1.0}, []

    def both(problem, _, is_worth):
        timed.append(problem)
        return dict(seconds) if is_worth(seconds["reverse"]) else {}

    monkeypatch.setattr(gradient, "rough_seconds", lambda *_: seconds["reverse"])
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

    assert of(lambda x: jnp.sum(x**2)) == (False, False)
    for function in (in_loop, in_while_loop, with_rule, with_reverse_rule, scan_in_branch):
        assert of(function) == (True, False)
    for function in (with_print, of_host, jax.jit(of_host)):
        assert of(function) == (False, True)


@pytest.mark.parametrize("mode", BOTH)
@pytest.mark.parametrize("solver", ["sequential", "newton"])
def test_either_way_gives_the_chain_of_a_plain_loop(mode, solver):
    result = run(in_loop, gradient_mode=mode, solver=solver)
    assert (result.info.gradient_mode, result.info.gradient_seconds) == (mode, {})
    assert result.info.converged.all()
    np.testing.assert_allclose(result.positions[0], expected(), rtol=0, atol=1e-7)
    np.testing.assert_allclose(
        result.final_state.logdensity_grad, in_loop_numpy(result.positions[0, -1])[1], atol=1e-10
    )


def test_forward_mode_where_there_is_no_other():
    result = run(in_while_loop, solver="newton")
    assert result.info.gradient_mode == "forward"
    np.testing.assert_allclose(result.positions[0], expected(), rtol=0, atol=1e-7)
    logdensity = chosen(in_while_loop).logdensity
    np.testing.assert_allclose(_all_gradients(logdensity, START[None])[0], in_loop_numpy(START)[1])
    hessian = _hessian_at_mode(logdensity, START)
    root = 0.6823278038280193  # of x**3 + x - 1, where the mode is
    np.testing.assert_allclose(hessian, -(3 * root**2 + 1) * np.eye(2), rtol=1e-3, atol=1e-8)


def test_reverse_mode_where_there_is_no_other(planted):
    result = run(with_reverse_rule)
    assert result.info.gradient_mode == "reverse"
    np.testing.assert_allclose(result.positions[0], expected(), rtol=0, atol=1e-10)
    assert not planted[1]


def test_float32(float32):
    task = as_task(
        in_loop, START.astype(np.float32), KERNEL, 1, 0, n_steps=1, gradient_mode="forward"
    )
    value, grad = task.problem.logdensity.value_and_grad(task.problem.positions[0])
    assert (value.dtype, grad.dtype) == (jnp.float32, jnp.float32)
    np.testing.assert_allclose(grad, in_loop_numpy(START)[1], rtol=1e-5)


def chosen(logdensity, n_steps=100, kernel=KERNEL, x0=START, **options):
    return as_task(logdensity, x0, kernel, 1, 0, n_steps=n_steps, **options).problem


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
    assert chosen(printed).logdensity.gradient_mode == "reverse"
    assert (
        chosen(in_loop, kernel=pmcmc.RandomWalkMetropolis(0.1)).gradient_mode(KERNEL) == "reverse"
    )
    assert not planted[1]
    asked = chosen(in_loop, x0=np.zeros(500), gradient_mode="forward")
    assert asked.logdensity.gradient_mode == "forward"


def test_the_result_says_what_was_measured(planted):
    planted[0]["forward"] = 0.25
    result = run(in_loop)
    assert result.info.gradient_seconds == {"reverse": 1.0, "forward": 0.25}
    assert "gradient    forward mode (reverse 1,000,000 us, forward 250,000 us)" in repr(result)
    walk = run(in_loop, kernel=pmcmc.RandomWalkMetropolis(0.1))
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

    planted[0].update(reverse=0.01, forward=0.001)
    assert n_timed(299) == 0  # 3 s by the program of all chains
    assert n_timed(301) == 2


def test_trajectories_count_all_their_gradients(planted):
    planted[0].update(reverse=0.01, forward=0.001)
    kernel = pmcmc.HMC(step_size=0.1, num_integration_steps=40)
    assert chosen(jax.jit(in_loop), 10).logdensity.gradient_mode == "reverse"
    assert chosen(jax.jit(in_loop), 10, kernel=kernel).logdensity.gradient_mode == "forward"


@pytest.mark.parametrize("call", [pmcmc.sample, pmcmc.warmup, pmcmc.burn_in, pmcmc.plan])
def test_errors(call):
    more = {"n_steps": 10, "kernel": KERNEL}
    with pytest.raises(ValueError, match=r"gradient_mode must be 'auto', .* got 'back'.*write"):
        call(in_loop, START, gradient_mode="back", **more)
    for logdensity, mode in ((in_while_loop, "reverse"), (with_reverse_rule, "forward")):
        with pytest.raises(ValueError, match=f"gradient_mode='{mode}' cannot be.*write.*'auto'"):
            call(logdensity, START, gradient_mode=mode, **more)
