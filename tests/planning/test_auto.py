import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc import solvers
from pmcmc._arguments import as_task
from pmcmc._planning import pilot, runner
from pmcmc._planning.choice import Candidate, Measurements, choose, decided, ladder
from pmcmc._planning.pilot import measure

from ..chain.test_mode import shell
from ..helpers.densities import double_well, logistic, reverse_mode_only

SWEEPS = pmcmc.ParallelNewton(window=64)


def tried(seconds_per_step, solver=SWEEPS, seconds_per_sweep=1e-3):
    return Candidate("Diagonal, window 64", solver, seconds_per_step, seconds_per_sweep, 0.1, 6.4)


@pytest.mark.parametrize(
    ("measurements", "begins_with_jacobi", "reason"),
    [
        (Measurements(1.0, {}), False, "too short for a pilot"),
        (Measurements(1.0, {64: 0.5, 512: 0.41}), False, "costs 2.4 times less"),
        (Measurements(1.0, {64: 0.1}, 0.1), False, "does not forget its past"),
        (Measurements(1.0, {64: 0.1}, 0.0, (tried(0.5),)), True, "2 times as fast"),
        (Measurements(1.0, {64: 0.1}, math.inf), False, "does not forget its past"),
        (Measurements(1.0, {64: 0.1}, -0.1), False, "too short for trying sweeps"),
        (Measurements(1.0, {64: 0.1}, -0.1, (tried(0.95),)), False, "are only 1.1 times as fast"),
        (Measurements(1.0, {64: 0.1}, -0.1, (tried(5.6),)), False, "take 5.6 times as long"),
        (Measurements(1.0, {64: 0.1}, -0.1, (tried(2.0), tried(0.5))), True, "2 times as fast"),
    ],
)
def test_the_choice_is_a_function_of_the_measurements(measurements, begins_with_jacobi, reason):
    solver, text = choose(measurements)
    assert isinstance(solver, pmcmc.ParallelNewton) == begins_with_jacobi
    assert reason in text


def test_the_fastest_candidate_is_chosen():
    fast = pmcmc.ParallelNewton(window=512)
    candidates = (tried(0.5), tried(0.3, fast), tried(0.4))
    assert choose(Measurements(1.0, {64: 0.1}, -0.1, candidates))[0] is fast


def test_a_ladder_leads_from_a_smaller_window_to_the_loop():
    assert [name for _, name in ladder(SWEEPS)] == ["a window of 16", "the loop"]
    assert ladder(pmcmc.Speculative())[-1][1] == "the loop"
    assert ladder(pmcmc.Sequential()) == []
    rungs = [solver for solver, _ in ladder(pmcmc.ParallelNewton(jacobian=solvers.Dense()))]
    assert all(isinstance(rung.jacobian, solvers.Dense) for rung in rungs[:-1])


def test_a_short_run_is_the_loop_s_and_says_so():
    result = pmcmc.sample(logistic, np.zeros(4), 300, kernel=pmcmc.MALA(0.1))
    assert result.info.plan.solver == pmcmc.Sequential()
    assert "too short for a pilot" in repr(result)
    assert 0 < result.info.plan.measurements.loop_seconds_per_step < 1
    assert pmcmc.sample(logistic, np.zeros(4), 2, solver="sequential").info.plan is None


def with_plan(monkeypatch, solver, seconds_per_sweep=1e-3):
    """Let the pilot find that this solver is faster than a loop of 1 s a step."""
    seen = Measurements(1.0, {64: 1e-3}, -0.1, (tried(1e-3, solver, seconds_per_sweep),))
    monkeypatch.setattr(runner, "measure", lambda *_: decided(seen))


def test_sweeps_take_over_where_the_plan_says_so(monkeypatch):
    with_plan(monkeypatch, SWEEPS)
    x0 = np.random.default_rng(0).normal(size=(2, 4))
    auto, loop = (
        pmcmc.sample(logistic, x0, 400, n_chains=2, n_warmup=300, solver=solver)
        for solver in ("auto", "sequential")
    )
    assert isinstance(auto.info.solver, pmcmc.ParallelNewton)
    assert auto.info.plan.is_parallel_in_time
    assert auto.info.plan.changes == ()
    assert auto.info.sweeps.min() > 0
    assert auto.info.warmup.sweeps.min() > 0 < auto.info.warmup.sequential_steps.min()
    assert auto.info.kernel.step_size == loop.info.kernel.step_size
    np.testing.assert_array_equal(auto.stats["is_accepted"], loop.stats["is_accepted"])
    np.testing.assert_allclose(auto.positions, loop.positions, rtol=0, atol=1e-8)


def test_stalled_sweeps_climb_the_ladder_and_each_step_is_recorded(monkeypatch):
    # With sweeps so dear no number of them is small enough.
    with_plan(monkeypatch, pmcmc.ParallelNewton(window=32), seconds_per_sweep=1e3)
    kernel = pmcmc.HMC(0.4, 12)
    x0 = np.random.default_rng(1).normal(size=3)
    auto = pmcmc.sample(double_well, x0, 1200, kernel=kernel)
    changes = auto.info.plan.changes
    assert [type(change.solver) for change in changes] == [
        pmcmc.ParallelNewton,
        pmcmc.Sequential,
    ]
    assert [change.step for change in changes] == sorted({change.step for change in changes})
    assert "a window of 8, after" in repr(auto)
    assert "from step" in str(auto.info.plan)
    assert auto.info.solver == pmcmc.Sequential()
    assert auto.info.atol == 1e-12
    # Each state is the transition of the one before it, whoever took the step.
    states = np.concatenate([x0[None], auto.positions[0, :-1]])
    key = jax.random.fold_in(jax.random.key(0), 0)
    keys = jax.vmap(lambda t: jax.random.fold_in(key, t))(jnp.arange(1200))
    again = jax.vmap(
        lambda x, k: (
            kernel.transition(double_well, kernel.init(double_well, x), kernel.draw_noise(k, x))[
                0
            ].position
        )
    )(jnp.asarray(states), keys)
    np.testing.assert_allclose(again, auto.positions[0], rtol=0, atol=1e-9)


def test_a_pilot_without_a_budget_measures_nothing():
    task = as_task(logistic, np.zeros(4), pmcmc.MALA(0.1), 1, 0, None)
    plan = measure(task, task.kernel, task.problem.positions, task.rng_key, 0, 1.0, 0.0)
    assert plan.measurements == Measurements(1.0, {})


@pytest.mark.parametrize(
    ("kernel", "structures"),
    [
        (pmcmc.MALA(0.05), {solvers.Diagonal, solvers.Dense}),
        pytest.param(
            pmcmc.RandomWalkMetropolis(0.05), {solvers.ScaledIdentity}, marks=pytest.mark.slow
        ),
    ],
)
def test_a_pilot_goes_from_cheap_measurements_to_dear_ones(
    kernel, structures, monkeypatch, no_speculation
):
    monkeypatch.setattr(pilot, "_WINDOWS", (32,))
    task = as_task(logistic, np.zeros(4), kernel, 1, 0, None)
    positions = task.problem.positions
    # A loop as slow as can be: all that is there is tried.
    plan = measure(task, kernel, positions, task.rng_key, 0, 1.0, math.inf)
    seen = plan.measurements
    assert plan.is_parallel_in_time
    assert list(seen.batch_seconds_per_step) == [32]
    assert (seen.lyapunov_exponent < -1e-3) == kernel.uses_gradient
    assert {type(c.solver.jacobian) for c in seen.candidates} == structures
    assert all(c.work_per_step >= 1 and c.seconds_per_step > 0 for c in seen.candidates)
    # One as fast as can be: nothing that costs more is measured.
    plan = measure(task, kernel, positions, task.rng_key, 0, 1e-12, math.inf)
    assert plan.solver == pmcmc.Sequential()
    assert plan.measurements.candidates == ()


def test_what_cannot_be_differentiated_or_does_not_fit_is_left_to_the_loop(
    monkeypatch, no_speculation
):
    kernel = pmcmc.MALA(0.05)
    monkeypatch.setattr(pilot, "_WINDOWS", (8,))
    task = as_task(reverse_mode_only, np.zeros(4), kernel, 1, 0, None)
    plan = measure(task, kernel, task.problem.positions, task.rng_key, 0, 1.0, math.inf)
    assert "cannot differentiate" in plan.reason
    task = as_task(logistic, np.zeros(4), kernel, 1, 0, None)
    monkeypatch.setattr(pilot, "_structures", lambda *_: [solvers.Dense(memory_limit=1)])
    plan = measure(task, kernel, task.problem.positions, task.rng_key, 0, 1.0, math.inf)
    assert plan.measurements.candidates == ()
    assert plan.solver == pmcmc.Sequential()


def test_a_plan_can_be_seen_without_sampling():
    plan = pmcmc.plan(logistic, np.zeros(4), 1000)
    assert plan.solver == pmcmc.Sequential()
    assert "too short for a pilot" in str(plan)
    with pytest.raises(ValueError, match="n_steps must be a positive integer, got -1"):
        pmcmc.plan(logistic, np.zeros(4), -1)
    with pytest.raises(ValueError, match="logdensity must be a function"):
        pmcmc.plan(3, np.zeros(4))


def test_probes_of_a_step_size_are_not_counted_as_the_chain(monkeypatch):
    places = []

    def measured(task, kernel, positions, rng_key, first_step, *_):
        places.append((first_step, kernel.step_size))
        return decided(Measurements(1.0, {}))

    monkeypatch.setattr(runner, "measure", measured)
    # From so small a step size the search takes more steps than the warm-up has.
    result = pmcmc.warmup(logistic, np.zeros(4), kernel=pmcmc.MALA(1e-30), n_steps=400)
    ((first_step, step_size),) = places
    assert 200 <= first_step < 400
    assert step_size in result.report.step_size


def test_a_plan_says_that_sweeps_go_without_a_basis(eager_pilot, monkeypatch):
    monkeypatch.setattr(pilot, "_structures", lambda *_: [pmcmc.solvers.Diagonal()])
    x0 = np.random.default_rng(1).normal(size=30)
    plan = pmcmc.sample(shell, x0, 200, kernel=pmcmc.MALA(0.2)).info.plan
    (candidate,) = plan.measurements.candidates
    assert "no basis" in candidate.remark
    assert "too close to the mode" in candidate.remark
    assert candidate.remark in str(plan)
