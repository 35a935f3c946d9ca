"""The first real posterior: its density, and chains of it in every way."""

import csv
import math
from importlib import resources

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

TARGET = pmcmc.targets.logistic_regression()
KERNEL = pmcmc.MALA(step_size=0.015)  # acceptance about 0.67
START = TARGET.reference.mean


def test_data_are_the_published_ones():
    data = resources.files("pmcmc.targets") / "data"
    with data.joinpath("breast_cancer_wisconsin.csv").open() as f:
        rows = list(csv.DictReader(f))
    # Counts and ranges as published with the data set.
    assert len(rows) == 569
    assert len(rows[0]) == 31
    assert sum(int(row["malignant"]) for row in rows) == 212
    radius = [float(row["mean_radius"]) for row in rows]
    assert (min(radius), max(radius)) == (6.981, 28.11)
    assert "CC BY 4.0" in TARGET.citation


def test_density_is_the_textbook_one():
    path = resources.files("pmcmc.targets") / "data" / "breast_cancer_wisconsin.csv"
    table = np.loadtxt(str(path), delimiter=",", skiprows=1)
    y, x = table[:, 0], table[:, 1:]
    x = (x - x.mean(0)) / x.std(0)
    coefficients = np.random.default_rng(0).normal(size=31)
    expected = -0.5 * sum(c**2 for c in coefficients)
    for row, outcome in zip(x, y, strict=True):
        p = 1 / (1 + math.exp(-(coefficients[0] + row @ coefficients[1:])))
        expected += math.log(p if outcome else 1 - p)
    np.testing.assert_allclose(TARGET.logdensity(jnp.asarray(coefficients)), expected, rtol=1e-12)


def test_target_is_one_object_with_all_a_user_needs():
    assert pmcmc.targets.logistic_regression() is TARGET
    assert TARGET.dim == 31
    assert TARGET.initial_position.shape == (31,)
    assert np.isfinite(TARGET.logdensity(jnp.asarray(TARGET.initial_position)))
    for field in (TARGET.reference.mean, TARGET.reference.sd, TARGET.reference.mcse_mean):
        assert field.shape == (31,)


@pytest.mark.slow
def test_twenty_thousand_steps_are_those_of_the_loop():
    loop, quasi = (
        pmcmc.sample(TARGET.logdensity, START, 20_000, kernel=KERNEL, solver=solver)
        for solver in ("sequential", "quasi")
    )
    assert 0.5 < loop.stats["acceptance_rate"].mean() < 0.8
    np.testing.assert_array_equal(quasi.stats["is_accepted"], loop.stats["is_accepted"])
    assert np.abs(quasi.positions - loop.positions).max() <= 1e-6
    assert quasi.info.residual[0] <= 1e-8
    assert quasi.info.converged.all()
    assert quasi.info.sequential_steps[0] == 0


@pytest.mark.parametrize(
    ("window", "n_steps"),
    [
        (16, 300),
        (300, 300),
        *(pytest.param(w, 1000, marks=pytest.mark.slow) for w in (100, 512, 1000)),
    ],
)
def test_windows_do_not_change_decisions(window, n_steps):
    loop = pmcmc.sample(TARGET.logdensity, START, n_steps, kernel=KERNEL, solver="sequential")
    solver = pmcmc.ParallelNewton(window=window)
    result = pmcmc.sample(TARGET.logdensity, START, n_steps, kernel=KERNEL, solver=solver)
    np.testing.assert_array_equal(result.stats["is_accepted"], loop.stats["is_accepted"])
    np.testing.assert_allclose(result.positions, loop.positions, rtol=0, atol=1e-8)


def test_float32_chain_keeps_the_residual_contract(float32):
    result = pmcmc.sample(
        TARGET.logdensity, START.astype(np.float32), 2000, kernel=KERNEL, solver="quasi"
    )
    assert result.info.dtype == np.float32
    assert result.info.atol == result.info.rtol == pytest.approx(1e-5)
    assert result.info.scaled_residual[0] <= 1
    assert result.info.converged.all()


@pytest.mark.slow
def test_posterior_means_agree_with_nuts():
    result = pmcmc.sample(
        TARGET.logdensity,
        np.tile(TARGET.initial_position, (4, 1)),
        60_000,
        n_chains=4,
        solver="sequential",
    )
    summary = result.summary()
    assert summary["r_hat"].astype(float).max() < 1.02
    mean = result.positions.mean(axis=(0, 1))
    mcse = np.hypot(summary["mcse_mean"].astype(float), TARGET.reference.mcse_mean)
    np.testing.assert_array_less(np.abs(mean - TARGET.reference.mean), 4 * mcse)
    # The comparison has power: standard errors are a small part of the posterior sd.
    assert (mcse < 0.1 * TARGET.reference.sd).all()
    np.testing.assert_allclose(result.positions.std(axis=(0, 1)), TARGET.reference.sd, rtol=0.1)


def test_gradient_is_cheap_to_trust():
    x = jnp.asarray(START) + 0.1
    gradient = jax.grad(TARGET.logdensity)(x)
    steps = 1e-6 * np.eye(31)
    differences = [(TARGET.logdensity(x + h) - TARGET.logdensity(x - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(gradient, np.array(differences), rtol=0, atol=1e-6)
