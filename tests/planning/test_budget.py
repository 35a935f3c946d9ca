"""The pilot keeps to its share of the run, by a clock of the tests' own."""

import math

import jax
import numpy as np
import pytest

import pmcmc
from pmcmc._arguments import as_task
from pmcmc._chain.runner import Runner
from pmcmc._planning import pilot, trial
from pmcmc._planning.pilot import measure

from ..helpers.densities import logistic
from .test_auto_failures import WALK, X0, by_host


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    ("seconds_per_step", "budget", "pieces", "cause"),
    [
        (1.0, 20.0, [1, 2, 4, 8], "8 s for 8 steps"),
        (1e9, math.inf, [1], "1e+09 s for 1 steps"),
        (1.0, math.inf, [1, 2, 4, 8, 16, 32], None),
    ],
)
def test_a_candidate_is_given_up_in_time(
    seconds_per_step, budget, pieces, cause, eager_pilot, monkeypatch
):
    monkeypatch.setattr(trial, "_SLOW", 100.0)
    monkeypatch.setattr(pilot, "_structures", lambda *_: [pmcmc.solvers.Diagonal()])
    clock, taken, advance = Clock(), [], Runner.advance

    def slow(self, kernel, positions, rng_key, first_step, n_steps):
        if isinstance(self.solver, pmcmc.ParallelNewton):
            clock.now += seconds_per_step * n_steps
            taken.append((first_step, n_steps))
        return advance(self, kernel, positions, rng_key, first_step, n_steps)

    monkeypatch.setattr(Runner, "advance", slow)
    task = as_task(logistic, np.zeros(4), pmcmc.MALA(0.1), 1, 0, None)
    plan = measure(task, task.kernel, task.problem.positions, task.rng_key, 7, 1.0, budget, clock)
    assert [size for _, size in taken] == pieces
    assert [first for first, _ in taken] == [7 + sum(pieces[:i]) for i in range(len(pieces))]
    if cause is None:
        (candidate,) = plan.measurements.candidates
        assert candidate.seconds_per_step == 1.0
    else:
        (dropped,) = plan.measurements.dropped
        assert cause in dropped.cause
        assert plan.solver == pmcmc.Sequential()
        assert cause in plan.reason


@pytest.mark.parametrize("budget", [50.0, math.inf])
def test_a_batch_that_takes_absurdly_long_is_not_tried_again(budget, monkeypatch):
    clock, batches = Clock(), []

    def slow(x):
        size = int(np.prod(np.shape(x)[:-1]))
        if size > 1:
            batches.append(size)
            clock.now += 100.0
        return -0.5 * np.sum(np.square(x), axis=-1)

    monkeypatch.setattr(pilot, "_WINDOWS", (8, 32))
    task = as_task(by_host(slow), X0, WALK, 1, 0, None)
    plan = measure(task, task.kernel, task.problem.positions, task.rng_key, 0, 0.01, budget, clock)
    assert set(batches) == {8}
    assert len(batches) <= 2  # at the position and at the proposals
    assert list(plan.measurements.batch_seconds_per_step) == [8]
    assert plan.solver == pmcmc.Sequential()


def test_an_exponent_that_does_not_fit_is_not_waited_for(eager_pilot, monkeypatch):
    clock, pieces = Clock(), []
    grow = pilot.grow

    def slow(*arguments):
        jax.debug.callback(lambda: (pieces.append(None), setattr(clock, "now", clock.now + 10)))
        return grow(*arguments)

    monkeypatch.setattr(pilot, "grow", slow)
    task = as_task(logistic, np.zeros(4), pmcmc.MALA(0.1), 1, 0, None)
    plan = measure(task, task.kernel, task.problem.positions, task.rng_key, 0, 1.0, 25.0, clock)
    assert len(pieces) == 2
    assert math.isnan(plan.measurements.lyapunov_exponent)
    assert "too short" in plan.reason


def test_the_loop_is_not_cut_into_small_pieces_until_its_layout_is_known(monkeypatch):
    taken, advance = [], Runner.advance

    def counted(self, kernel, positions, rng_key, first_step, n_steps):
        taken.append(n_steps)
        return advance(self, kernel, positions, rng_key, first_step, n_steps)

    monkeypatch.setattr(Runner, "advance", counted)
    x0 = np.zeros((4, 4))
    pmcmc.sample(lambda x: logistic(x) + 0.0, x0, 20_000, kernel=pmcmc.MALA(0.1), n_chains=4)
    assert sum(taken) >= 20_000
    assert len(taken) < 40
