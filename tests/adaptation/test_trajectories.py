"""Trajectories of a surrogate are as long as pays, by what is known in closed form."""

import dataclasses
import math

import numpy as np
import pytest

import pmcmc
from pmcmc._adaptation.trajectories import efficiency, with_trajectory
from pmcmc.surrogates import PolynomialSurrogate


@pytest.mark.parametrize("correlation", [0.5, 0.0, -0.8])
def test_efficiency_is_that_of_the_slowest_of_draws_and_distances(correlation):
    rng = np.random.default_rng(0)
    before = 3 + rng.normal(size=(400_000, 2))
    noise = rng.normal(size=before.shape)
    after = 3 + correlation * (before - 3) + math.sqrt(1 - correlation**2) * noise
    after[:, 1] = 3 + noise[:, 1]  # this coordinate forgets at once
    # The covariance of absolute values of a bivariate normal, over their variance.
    arc = correlation * math.asin(correlation) + math.sqrt(1 - correlation**2) - 1
    of_distances = 2 / math.pi * arc / (1 - 2 / math.pi)
    expected = min((1 - r) / (1 + r) for r in (correlation, of_distances))
    assert efficiency(before, after) == pytest.approx(expected, rel=0.03)


def test_what_is_no_sign_of_efficiency():
    draws = np.random.default_rng(0).normal(size=(10, 2))
    assert efficiency(np.ones((10, 2)), np.ones((10, 2))) == 0
    for far in (-3.0, 1e9, 1e200, np.inf, np.nan):  # ends that fly off, or get lost
        assert efficiency(draws, far * draws) == 0


def length_and_steps(radius, draws, spread):
    """The chosen length in quarters of a period, and the number of steps."""
    normal = PolynomialSurrogate.normal(np.zeros(1), np.eye(1))
    surrogate = dataclasses.replace(normal, radius=radius)
    kernel = pmcmc.SurrogateHMC(surrogate, inverse_mass_matrix=np.array([spread**2]))
    chosen = with_trajectory(kernel, draws[:, None])
    n_steps = chosen.num_integration_steps
    return chosen.step_size * n_steps / (math.pi / 2), n_steps


def test_tails_make_trajectories_longer():
    # exp(-x**2 / 2) up to 0.3, then exp(-|x|): nearly a Laplace distribution.
    x = np.linspace(-20, 20, 100_001)
    log_density = -(np.minimum(np.abs(x), 0.3) ** 2) / 2 - np.maximum(np.abs(x) - 0.3, 0)
    share = np.cumsum(np.exp(log_density))
    draws = np.interp((np.arange(4000) + 0.5) / 4000, share / share[-1], x)
    heavy, _ = length_and_steps(0.3, draws, draws.std())
    normal, n_steps = length_and_steps(1e6, np.random.default_rng(1).normal(size=4000), 1.0)
    assert n_steps <= 4
    assert heavy > 1.1 > normal
