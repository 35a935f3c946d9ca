import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc.solvers import (
    ConstantGuess,
    IterateGuess,
    JacobiGuess,
    LastStateGuess,
    RandomGuess,
    SurrogateGuess,
    TrajectoryGuess,
)
from pmcmc.solvers.newton.guesses import Entry

from ..helpers.recursions import loop

INPUTS = np.random.default_rng(0).normal(size=(20, 2))


def entry(n_new=3, start=4, window=8):
    rows = np.random.default_rng(1).normal(size=(window, 2))
    return Entry(
        rows=jnp.asarray(rows),
        is_new=jnp.arange(window) >= window - n_new,
        steps=jnp.arange(start, start + window),
        origin=jnp.array([7.0, 8.0]),
        last=jnp.array([1.0, 2.0]),
        inputs=jnp.asarray(INPUTS),
        data=jnp.asarray(100 + INPUTS),
    )


@pytest.mark.parametrize(
    ("guess", "expected"),
    [
        (IterateGuess(), lambda e: e.rows[5:]),
        (JacobiGuess(), lambda e: e.rows[5:]),
        (ConstantGuess(), lambda e: np.tile(e.origin, (3, 1))),
        (LastStateGuess(), lambda e: np.tile(e.last, (3, 1))),
        (TrajectoryGuess(None), lambda e: 100 + INPUTS[9:12]),
        (
            SurrogateGuess(lambda s, u: 0.5 * s + u + 1.0),
            lambda e: loop(lambda s, u: 0.5 * s + u + 1.0, e.rows[4], INPUTS[9:12]),
        ),
    ],
)
def test_only_rows_that_entered_are_guessed(guess, expected):
    window = entry()
    rows = guess.enter(window)
    np.testing.assert_array_equal(rows[:5], window.rows[:5])
    np.testing.assert_allclose(rows[5:], expected(window), rtol=1e-12)


def test_surrogate_of_a_whole_window_starts_from_the_last_state():
    window = entry(n_new=8, start=0)
    rows = SurrogateGuess(lambda s, u: 0.5 * s + u).enter(window)
    expected = loop(lambda s, u: 0.5 * s + u, window.last, INPUTS[:8])
    np.testing.assert_allclose(rows, expected, rtol=1e-12)


def test_random_guess_belongs_to_the_step():
    guess = RandomGuess(mean=3.0, sd=0.5)
    rows = guess.enter(entry(n_new=8, start=0, window=8))
    later = guess.enter(entry(n_new=8, start=5, window=8))
    np.testing.assert_array_equal(rows[5:], later[:3])
    many = guess.enter(entry(n_new=4000, start=0, window=4000)._replace(inputs=None, data=()))
    assert abs(many.mean() - 3.0) < 5 * 0.5 / np.sqrt(8000)
    assert abs(many.std() - 0.5) < 0.05


def test_a_guess_that_is_right_takes_one_sweep_a_window():
    def step(s, u):
        return jnp.tanh(s + u)

    inputs = np.random.default_rng(2).normal(size=(60, 1))
    oracle = loop(lambda s, u: np.tanh(s + u), np.zeros(1), inputs)
    right = [(TrajectoryGuess(oracle), 3), (oracle, 3), (jnp.asarray(oracle), 3)]
    for guess, sweeps in [*right, (IterateGuess(), None)]:
        solver = pmcmc.ParallelNewton(guess=guess, window=20)
        solution = pmcmc.solve(step, np.zeros(1), inputs, solver=solver)
        np.testing.assert_allclose(solution.states, oracle, atol=1e-9)
        assert (solution.sweeps == 3) == (sweeps == 3)


def test_jacobi_guess_makes_the_first_sweep_of_newton_one_of_jacobi():
    # s' = s**2 / 2 + u, one window: after one sweep of Jacobi from zero, states are u.
    inputs = np.linspace(0.1, 0.5, 10)[:, None]
    solver = pmcmc.ParallelNewton(
        guess=JacobiGuess(), window=10, fallback=None, max_sweeps=2, atol=1e-13
    )
    solution = pmcmc.solve(lambda s, u: s**2 / 2 + s + u, np.zeros(1), inputs, solver=solver)
    np.testing.assert_allclose(solution.states[2:], inputs[2:], rtol=1e-12)


def test_sample_takes_given_positions_as_a_guess():
    def logdensity(x):
        return -0.5 * jnp.sum(x["a"] ** 2) - 0.1 * jnp.sum(x["b"] ** 4)

    x0 = {"a": np.ones((2, 2)), "b": np.ones(2)}
    kernel = pmcmc.MALA(step_size=0.3)

    def run(solver):
        return pmcmc.sample(logdensity, x0, 600, kernel=kernel, solver=solver, n_chains=2)

    loop_run = run("sequential")
    solver = pmcmc.ParallelNewton(window=16, guess=TrajectoryGuess(loop_run.positions))
    guessed, plain = run(solver), run(pmcmc.ParallelNewton(window=16))
    for result in (guessed, plain):
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, atol=1e-10),
            result.positions,
            loop_run.positions,
        )
    # Segments of 256 steps: the guess of each is its own part.
    assert np.all(guessed.info.sweeps <= 600 / 16 + 3 + 3)
    assert np.all(plain.info.sweeps > 1.5 * guessed.info.sweeps)
    short = jax.tree.map(lambda x: x[:, :-1], loop_run.positions)
    with pytest.raises(ValueError, match=r"states of TrajectoryGuess must have the shapes"):
        run(pmcmc.ParallelNewton(guess=TrajectoryGuess(short)))
