from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._adaptation.stationarity import lost_chains

from .helpers.densities import logistic

TARGET = pmcmc.targets.correlated_gaussian(dim=4)


def test_chains_from_far_away_become_stationary():
    starts = 100 * np.random.default_rng(0).normal(size=(4, 4))
    result = pmcmc.burn_in(TARGET.logdensity, starts, n_steps=20, n_chains=4)
    assert result.is_stationary
    assert result.is_exact
    assert len(result.rhat) == len(result.reports) > 1  # the way itself is no stationary chain
    assert result.rhat[-1] <= 1.05 < result.rhat[0]
    assert [int(report.n_steps.sum()) for report in result.reports[:2]] == [20, 40]
    assert np.all(np.abs(result.position) < 6)
    assert result.parameters["inverse_mass_matrix"].shape == (4, 4)
    assert "stationary" in repr(result)
    # Rounds have noise of their own, and go on from each other.
    assert result.reports[1].acceptance_rate[0] != result.reports[0].acceptance_rate[0]


def test_rounds_have_noise_of_their_own():
    choices = dict(kernel="random_walk", metric=None, n_chains=2)
    starts = np.ones((2, 4))
    ready = pmcmc.burn_in(
        TARGET.logdensity, starts, n_steps=40, max_rounds=2, max_rhat=1.000001, **choices
    )
    first = pmcmc.warmup(TARGET.logdensity, starts, n_steps=40, **choices)
    choices["kernel"] = first.kernel
    repeated = pmcmc.warmup(TARGET.logdensity, first.state.position, n_steps=80, **choices)
    np.testing.assert_array_equal(first.report.acceptance_rate, ready.reports[0].acceptance_rate)
    assert not np.isclose(ready.position, repeated.state.position).any()


def test_a_chain_in_a_mode_without_mass_goes_on_where_the_others_are(monkeypatch):
    def logdensity(x):  # two narrow normals far apart, one with exp(-100) of the mass
        away = jnp.array([20.0, 0.0])
        densities = [-0.5 * jnp.sum(x**2), -100.0 - 0.5 * jnp.sum((x - away) ** 2)]
        return jnp.logaddexp(*densities)

    starts = np.array([[0.0, 1.0], [20.0, 1.0], [1.0, 0.0], [21.0, 0.0]])
    # The warm-up itself sends them there.
    early = pmcmc.burn_in(logdensity, starts, n_steps=200, n_chains=4)
    assert early.restarted[0] == ()
    assert any("2 of 4 chains moved" in note.words for note in early.reports[0].notes)
    monkeypatch.setattr("pmcmc._adaptation.windows.rescue", lambda *_: None)
    late = pmcmc.burn_in(logdensity, starts, n_steps=200, n_chains=4)
    assert late.restarted[0] == (1, 3)
    assert "2 times a chain was lost" in repr(late)
    for result in (early, late):
        assert result.restarted[-1] == ()
        assert result.is_stationary
        assert np.all(np.abs(result.position) < 6)


def test_which_chains_are_lost():
    rng = np.random.default_rng(0)
    levels = np.array([[-3.0], [-9.0], [-100.0], [np.nan]])
    np.testing.assert_array_equal(
        lost_chains(levels + rng.normal(size=(4, 100))), [False, False, True, True]
    )
    assert not lost_chains(np.full((2, 10), np.nan)).all()
    assert not lost_chains(np.array([[-1.0, -1.0], [-1.1, -1.1]])).any()  # flat, or too short


def test_what_is_not_stationary_is_marked():
    starts = np.full((2, 4), 1e3)
    result = pmcmc.burn_in(TARGET.logdensity, starts, n_steps=20, max_rounds=1, n_chains=2)
    assert not result.is_stationary
    assert "NOT STATIONARY" in repr(result)


def test_sweeps_that_are_stopped_early_are_allowed_and_marked():
    solver = pmcmc.ParallelNewton(max_sweeps=4, fallback=None)
    result = pmcmc.burn_in(logistic, np.full(4, 2.0), n_steps=600, solver=solver)
    assert not result.is_exact
    assert "stopped early" in repr(result)
    assert np.isfinite(result.position).all()


@pytest.mark.parametrize("kernel", ["mala", "hmc"])
def test_positions_keep_their_structure(kernel):
    x0 = {"a": np.ones(2), "b": np.float64(1.0)}
    result = pmcmc.burn_in(
        lambda x: -0.5 * np.sum(np.ones(2)) - 0.5 * (x["a"] @ x["a"] + x["b"] ** 2),
        x0,
        kernel=kernel,
        n_steps=100,
        max_rounds=1,
    )
    assert result.position["a"].shape == (2,)
    assert 0.1 < result.parameters["step_size"] < 3
    assert result.parameters["inverse_mass_matrix"].shape == (3, 3)


@pytest.mark.parametrize("kernel", ["mala", "hmc", "barker", "random_walk"])
def test_the_step_size_handed_over_is_in_units_of_the_position(kernel):
    ready = pmcmc.burn_in(
        lambda x: -0.5e6 * jnp.sum(x**2), np.full(3, 1e-3), kernel=kernel, n_steps=300,
        max_rounds=1, metric=None, solver="sequential",
    )  # fmt: skip
    assert 3e-4 < ready.parameters["step_size"] < 2e-3  # the standard deviation is 1e-3
    np.testing.assert_array_equal(ready.parameters["inverse_mass_matrix"], np.ones(3))


class Silent(pmcmc.kernels.Kernel):
    """An autoregression that reports no log density."""

    step_size: float
    target_acceptance_rate = 0.5
    tunables = ("step_size",)
    uses_logdensity = False

    class State(NamedTuple):
        position: jax.Array
        logdensity: None = None

    class Info(NamedTuple):
        acceptance_rate: jax.Array
        is_accepted: jax.Array
        is_divergent: jax.Array

    def init(self, logdensity, position):
        return self.State(position)

    def draw_noise(self, rng_key, position):
        return jax.random.normal(rng_key, position.shape, position.dtype)

    def transition(self, logdensity, state, noise):
        rate = jnp.where(self.step_size > 1.0, 0.3, 0.7)
        info = self.Info(rate, jnp.bool_(True), jnp.bool_(False))
        return self.State(0.5 * state.position + noise), info


def test_no_chain_is_lost_where_log_densities_are_unknown():
    starts = np.random.default_rng(0).normal(size=(4, 2))
    ready = pmcmc.burn_in(None, starts, kernel=Silent(0.1), n_steps=200, n_chains=4)
    assert ready.restarted[0] == ()
    assert len(np.unique(ready.position[:, 0])) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(max_rounds=0), "max_rounds must be a positive integer, got 0"),
        (dict(max_rhat=1.0), "max_rhat must be a number above 1, got 1.0"),
        (dict(kernel=pmcmc.Langevin(0.1)), "kernel must have a step size to tune"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        pmcmc.burn_in(logistic, np.zeros(4), **arguments)
