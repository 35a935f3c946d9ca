"""JAX's stricter ways of running: no solver depends on what they forbid."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc.solvers import ELK, Dense, Lagged

from ..helpers.recursions import loop

SOLVERS = {
    **{name: name for name in ("sequential", "newton", "clip-elk", "quasi-elk", "picard", "block")},
    # With a basis, budget and record, and guesses at random.
    "quasi": pmcmc.ParallelNewton(
        basis="jacobian", max_sweeps=3, n_logged_sweeps=9, guess=pmcmc.solvers.RandomGuess()
    ),
    "jacobi": "jacobi",
    "held": pmcmc.ParallelNewton(jacobian=Lagged(Dense()), damping=ELK(), window=7),
}
FLAGS = {
    "nans": lambda: jax.debug_nans(True),
    "strict": lambda: jax.numpy_dtype_promotion("strict"),
    "checks": lambda: jax.enable_checks(True),
}
MIX = np.array([[0.5, -0.3], [0.2, 0.4]])


@contextlib.contextmanager
def flag(name, is_x64):
    with jax.enable_x64(is_x64), FLAGS[name]():
        yield


@pytest.mark.parametrize(
    ("name", "is_x64"),
    [
        ("strict", True),
        ("strict", False),
        ("nans", True),
        pytest.param("nans", False, marks=pytest.mark.slow),
        pytest.param("checks", True, marks=pytest.mark.slow),
        pytest.param("checks", False, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("solver", SOLVERS)
def test_solve_runs_under_the_flag(name, is_x64, solver):
    dtype = np.float64 if is_x64 else np.float32
    mix, inputs = MIX.astype(dtype), np.random.default_rng(0).normal(size=(12, 2)).astype(dtype)
    s0 = np.ones(2, dtype)
    with flag(name, is_x64):
        solution = pmcmc.solve(
            lambda s, u: jnp.tanh(jnp.asarray(mix) @ s + u), s0, inputs, solver=SOLVERS[solver]
        )
        gradient = jax.grad(
            lambda s0: pmcmc.solve(
                lambda s, u: jnp.asarray(mix) @ s + u, s0, inputs, solver=SOLVERS[solver]
            ).states[-1, 0]
        )(jnp.asarray(s0))
    assert solution.converged
    expected = loop(lambda s, u: np.tanh(MIX @ s + u), s0, inputs)
    tolerance = 1e-9 if is_x64 else 1e-4
    np.testing.assert_allclose(solution.states, expected, rtol=0, atol=tolerance)
    power = np.linalg.matrix_power(MIX, 12)[0]
    np.testing.assert_allclose(gradient, power, rtol=0, atol=tolerance)


@pytest.mark.parametrize("solver", ["newton", "clip-elk", "picard", "block"])
def test_sample_makes_no_nan_of_its_own(solver):
    def logdensity(x):
        return -0.5 * jnp.sum(x**2)

    def positions(solver):
        result = pmcmc.sample(
            logdensity, np.ones(2), 20, kernel=pmcmc.HMC(0.2, 4), solver=solver, progress=False
        )
        return result.positions

    expected = positions("sequential")
    with jax.debug_nans(True):
        got = positions(solver)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9)
