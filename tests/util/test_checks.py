"""Counts of every kind of integer, and messages that hold at most a line of a value."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc import diagnostics, solvers

ONES = np.ones(2)
INTEGERS = {
    "Python": int,
    "NumPy, int32": np.int32,
    "NumPy, uint8": np.uint8,
    "NumPy, no axes": np.asarray,
    "JAX": jnp.asarray,
    "JAX, int8": jnp.int8,
}


def normal(x):
    return -0.5 * jnp.sum(x**2)


def step(s, u):
    return 0.5 * s + u


@pytest.mark.parametrize("kind", INTEGERS)
def test_counts_are_integers_of_any_kind(kind):
    n = INTEGERS[kind]
    kernel = pmcmc.HMC(0.1, n(3))
    assert kernel == pmcmc.HMC(0.1, 3)
    result = pmcmc.sample(
        normal, np.stack([ONES, ONES]), n(6), kernel=kernel, n_chains=n(2), n_warmup=n(0),
        thin=n(2), solver="sequential",
    )  # fmt: skip
    assert result.positions.shape == (2, 3, 2)
    assert (type(result.info.n_steps), type(result.info.thin)) == (int, int)
    ready = pmcmc.burn_in(normal, ONES, n_steps=n(9), max_rounds=n(1), solver="sequential")
    assert ready.n_chains == 1
    assert pmcmc.warmup(normal, ONES, n_steps=n(9), solver="sequential").report.n_steps.sum() == 9
    newton = pmcmc.ParallelNewton(
        window=n(4), max_sweeps=n(3), n_logged_sweeps=n(2), jacobian=solvers.Diagonal(n_probes=n(1))
    )
    assert newton == pmcmc.ParallelNewton(
        window=4, max_sweeps=3, n_logged_sweeps=2, jacobian=solvers.Diagonal(n_probes=1)
    )
    assert solvers.Lagged(solvers.Dense(n(100)), n(3)) == solvers.Lagged(solvers.Dense(100), 3)
    assert len(diagnostics.error_per_sweep(step, 0.0, np.ones(5), n_sweeps=n(2))) == 3


FLOATS = np.linspace(0, 1, 200)
NO_COUNTS = [
    2.0, np.float64(2.0), jnp.asarray(2.0), True, np.True_, jnp.asarray(True), None, "2",
    np.array([2]), FLOATS, jnp.asarray(FLOATS), [2] * 300,
]  # fmt: skip
CALLS = {
    "n_steps": lambda x: pmcmc.sample(normal, ONES, x, kernel=pmcmc.MALA(0.1)),
    "thin": lambda x: pmcmc.sample(normal, ONES, 5, thin=x),
    "n_chains": lambda x: pmcmc.burn_in(normal, ONES, n_chains=x),
    "num_integration_steps": lambda x: pmcmc.HMC(0.1, x),
    "window": lambda x: pmcmc.ParallelNewton(window=x),
    "every": lambda x: solvers.Lagged(solvers.Dense(), x),
    "n_sweeps": lambda x: diagnostics.error_per_sweep(step, 0.0, ONES, n_sweeps=x),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_integer_is_no_count(name):
    for value in NO_COUNTS:
        with pytest.raises(ValueError, match=rf"{name} must be .*integer.* got ") as caught:
            CALLS[name](value)
        check_message(caught)


def test_a_traced_count_is_refused():
    with pytest.raises(ValueError, match="n_steps must be a positive integer"):
        jax.jit(lambda n: pmcmc.sample(normal, ONES, n, kernel=pmcmc.MALA(0.1)).positions)(3)


class Talkative:
    """An object whose description fills a page."""

    def __repr__(self):
        return "first line\n" + "and another\n" * 50


TEXTS = ["word " * 100, "a\nb"]
NUMBERS = [FLOATS, jnp.asarray(FLOATS), list(FLOATS), {"a": FLOATS}, *TEXTS]
ALL = [*NUMBERS, Talkative()]
WRONG = {
    "logdensity": (lambda x: pmcmc.sample(x, ONES, 5), ALL),
    "kernel": (lambda x: pmcmc.sample(normal, ONES, 5, kernel=x), ALL),
    "solver": (lambda x: pmcmc.sample(normal, ONES, 5, solver=x), ALL),
    "solver of solve": (lambda x: pmcmc.solve(step, 0.0, ONES, solver=x), ALL),
    "rng_key": (lambda x: pmcmc.warmup(normal, ONES, rng_key=x), ALL),
    "metric": (lambda x: pmcmc.warmup(normal, ONES, metric=x), ALL),
    "init_to_mode": (lambda x: pmcmc.burn_in(normal, ONES, init_to_mode=x), ALL),
    "max_rhat": (lambda x: pmcmc.burn_in(normal, ONES, max_rhat=x), NUMBERS),
    "x0": (lambda x: pmcmc.sample(normal, x, 5), [*TEXTS, Talkative()]),
    "step_size": (pmcmc.MALA, NUMBERS),
    "inverse_mass_matrix": (lambda x: pmcmc.MALA(0.1, x), [list(FLOATS), *TEXTS]),
    "inverse_mass_matrix of Barker": (lambda x: pmcmc.Barker(0.1, x), [np.eye(30)]),
    "draw": (lambda x: pmcmc.RandomWalkMetropolis(0.1, draw=x), ALL),
    "step": (solvers.SurrogateGuess, ALL),
    "basis": (lambda x: pmcmc.ParallelNewton(basis=x), [list(FLOATS), *TEXTS]),
    "rtol": (lambda x: pmcmc.ParallelNewton(rtol=x), NUMBERS),
    "fallback": (lambda x: pmcmc.ParallelNewton(fallback=x), ALL),
    "jacobian": (lambda x: pmcmc.ParallelNewton(jacobian=x), NUMBERS),
    "k": (solvers.Scale, [2 * FLOATS, *TEXTS]),
    "rho": (solvers.Clip, NUMBERS),
    "solver of a mismatch": (
        lambda x: diagnostics.jacobian_mismatch(step, 0.0, ONES, solver=x), ALL
    ),
}  # fmt: skip


def check_message(caught):
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 420


@pytest.mark.parametrize("name", WRONG)
def test_messages_hold_at_most_a_line_of_a_value(name):
    call, values = WRONG[name]
    for value in values:
        with pytest.raises(ValueError, match=rf"{name.split()[0]}.* got ") as caught:
            call(value)
        check_message(caught)
