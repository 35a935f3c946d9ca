"""Chains of targets, in parallel over their length: the loop's, and the reference's moments."""

import arviz
import jax
import numpy as np
import pytest

import pmcmc

from .moments import check_moments

pytestmark = pytest.mark.slow
T = 200
KERNELS = {
    "MALA": lambda size, metric: pmcmc.MALA(0.5 * size, metric),
    "HMC": lambda size, metric: pmcmc.HMC(0.8 * size**0.5, 4, metric),
    "random walk": lambda size, metric: pmcmc.RandomWalkMetropolis(0.6 * size**0.5, metric),
    "Barker": lambda size, metric: pmcmc.Barker(0.9 * size**0.5, metric),
}
# Scales of the position, for a metric, and a factor for the step size; large targets but once.
CASES = {
    "banana": ([3.0, 3.0], 0.3),
    "eight_schools": ([1.0] * 8 + [3.3, 1.0], 0.5),
    "german_credit": (None, 0.03),
    "lotka_volterra": ([0.11, 0.15, 0.11, 0.15, 0.085, 0.09, 0.17, 0.17], 0.03),
    "two_well": ([1.6, 0.7], 0.5),
}


ROWS = [(name, kernel) for name in ("banana", "german_credit") for kernel in KERNELS]
ROWS += [("eight_schools", "HMC"), ("lotka_volterra", "MALA"), ("two_well", "Barker")]


@pytest.mark.parametrize(("name", "kernel"), ROWS)
def test_chains_of_targets_are_those_of_the_loop(name, kernel):
    target = getattr(pmcmc.targets, name)()
    scales, size = CASES[name]
    scales = target.reference.sd if scales is None else np.array(scales)
    kernel = KERNELS[kernel](size, scales**2)
    loop, quasi = (
        pmcmc.sample(target.logdensity, target.initial_position, T, kernel=kernel, solver=solver)
        for solver in ("sequential", "quasi")
    )
    assert 0.3 < loop.stats["acceptance_rate"].mean() < 0.99
    np.testing.assert_array_equal(quasi.stats["is_accepted"], loop.stats["is_accepted"])
    np.testing.assert_allclose(quasi.positions, loop.positions, rtol=0, atol=1e-7)
    assert quasi.info.converged.all()
    assert quasi.info.sequential_steps[0] == 0


@pytest.mark.parametrize("name", ["stochastic_volatility", "item_response"])
def test_chains_in_500_dimensions_are_those_of_the_loop(name):
    target = getattr(pmcmc.targets, name)()
    loop, quasi = (
        pmcmc.sample(
            target.logdensity, target.initial_position, 40, kernel=pmcmc.MALA(0.002), solver=solver
        )
        for solver in ("sequential", "quasi")
    )
    assert 0.3 < loop.stats["acceptance_rate"].mean() < 0.99
    np.testing.assert_array_equal(quasi.stats["is_accepted"], loop.stats["is_accepted"])
    np.testing.assert_allclose(quasi.positions, loop.positions, rtol=0, atol=1e-7)


def test_ten_thousand_gibbs_steps_are_those_of_the_loop():
    target = pmcmc.targets.eight_schools_gibbs()
    starts = target.initial_position + np.array([[0.0], [0.3]])
    kernel = pmcmc.CustomKernel(*target.gibbs)
    loop, quasi = (
        pmcmc.sample(None, starts, 10_000, kernel=kernel, solver=solver, n_chains=2)
        for solver in ("sequential", "quasi")
    )
    np.testing.assert_allclose(quasi.positions, loop.positions, rtol=0, atol=1e-8)
    assert quasi.info.converged.all()
    assert (quasi.info.sequential_steps == 0).all()
    check_moments(target, quasi)


@pytest.mark.parametrize(("name", "size"), [("eight_schools", 0.6), ("lotka_volterra", 0.6)])
def test_draws_in_parallel_over_length_agree_with_posteriordb(name, size):
    target = getattr(pmcmc.targets, name)()
    scales, pilot_size = CASES[name]
    pilot = pmcmc.sample(
        target.logdensity, target.initial_position, 2_000, solver="sequential",
        kernel=KERNELS["HMC"](pilot_size, np.array(scales) ** 2),
    )  # fmt: skip
    result = pmcmc.sample(
        target.logdensity, pilot.positions[0, [1_000, -1]], 1_200, n_chains=2, solver="quasi",
        kernel=pmcmc.HMC(size, 3, np.cov(pilot.positions[0, 200:].T)),
    )  # fmt: skip
    assert 0.6 < result.stats["acceptance_rate"].mean() < 0.99
    assert result.stats["is_divergent"].mean() < 0.01
    assert result.info.converged.all()
    check_moments(target, result)


def random_walks(target):
    return pmcmc.sample(
        target.logdensity, np.tile(target.initial_position, (4, 1)), 12_000, n_chains=4,
        kernel="random_walk", solver="sequential",
    )  # fmt: skip


@pytest.mark.parametrize(
    "name", ["arma11", "garch11", "gaussian_process", "hmm", "local_linear_trend", "sir"]
)
def test_random_walks_agree_with_the_references_of_series(name):
    target = getattr(pmcmc.targets, name)()
    check_moments(target, random_walks(target))


def test_random_walks_of_one_compartment_have_posteriordbs_quantiles():
    # Means of K_m and V_m are those of their few largest draws.
    quantiles = {
        "k_a": [0.6460025, 0.7550259, 0.8964176],
        "K_m": [0.08590627, 0.9795390, 8.685198],
        "V_m": [0.6489745, 0.8972977, 1.475056],
        "sigma": [0.09668109, 0.1254531, 0.1715832],
    }
    target = pmcmc.targets.one_compartment()
    draws = jax.vmap(jax.vmap(target.constrain))(random_walks(target).positions)
    for name, values in quantiles.items():
        for share, value in zip((0.05, 0.5, 0.95), values, strict=True):
            is_below = np.asarray(draws[name] < value, float)
            mcse = np.hypot(arviz.mcse(is_below), np.sqrt(share * (1 - share) / 10_000))
            assert abs(is_below.mean() - share) < 4 * mcse, (name, share)
            assert mcse < 0.02
