"""Ten models of different kinds: posterior means of NumPyro's NUTS, and the chain of the loop."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numpyro")

from numpyro.infer import init_to_median

import pmcmc
from pmcmc.adapters.numpyro import sample_model

from .models import MODELS

REFERENCES = json.loads(Path(__file__).with_name("references.json").read_text())["models"]
N_STEPS, N_DROPPED, N_BATCHES = 4200, 200, 20


def run(name, n_steps, solver, n_chains, num_integration_steps, rng_key=0):
    model, args, kwargs, _ = MODELS[name]
    known = REFERENCES[name]
    kernel = pmcmc.HMC(
        known["step_size"], num_integration_steps, np.array(known["inverse_mass_matrix"]), 0.5
    )
    return sample_model(
        model,
        *args,
        **kwargs,
        n_steps=n_steps,
        kernel=kernel,
        solver=solver,
        n_chains=n_chains,
        rng_key=rng_key,
        init_strategy=init_to_median,
    )


def mean_and_error(draws):
    """Mean and its standard error, from the means of 20 batches of each of 4 chains."""
    batches = draws.reshape(4 * N_BATCHES, -1, *draws.shape[2:]).mean(axis=1)
    return batches.mean(axis=0), batches.std(axis=0, ddof=1) / np.sqrt(len(batches))


@pytest.mark.parametrize(
    "name",
    ["eight schools", "logistic regression", "radon", "autoregression"]
    + [
        pytest.param(name, marks=pytest.mark.slow)
        for name in (
            "Gaussian process",
            "hidden Markov",
            "stochastic volatility",
            "horseshoe",
            "ordered mixture",
            "growth equation",
        )
    ],
)
def test_posterior_means_are_those_of_nuts(name):
    assert REFERENCES[name]["largest_r_hat"] < 1.01
    # About a quarter of a period in the metric of the reference.
    n_leaps = int(np.ceil(1.5 / REFERENCES[name]["step_size"]))
    result = run(name, N_STEPS, "sequential", 4, n_leaps)
    assert result.info.converged.all()
    for site in MODELS[name][3]:
        mean, error = mean_and_error(result.positions[site][:, N_DROPPED:])
        expected, its_error = (np.array(REFERENCES[name][key][site]) for key in ("mean", "mcse"))
        # Batches that are too short for a slow chain would give a tiny standard error.
        assert (error < 10 * its_error).all()
        difference = np.abs(mean - expected) / np.hypot(error, its_error)
        assert (difference < 4).all(), (site, difference)


@pytest.mark.parametrize(
    "name",
    ["eight schools"]
    + [pytest.param(name, marks=pytest.mark.slow) for name in MODELS if name != "eight schools"],
)
def test_sweeps_give_the_chain_of_the_loop(name):
    solver = pmcmc.ParallelNewton(jacobian=pmcmc.solvers.Dense(), window=16)
    runs = [run(name, 48, chosen, 1, 3) for chosen in ("sequential", solver)]
    loop, sweeps = runs
    assert sweeps.info.converged.all()
    assert 0 < sweeps.info.sweeps[0] <= 49
    np.testing.assert_array_equal(sweeps.stats["is_accepted"], loop.stats["is_accepted"])
    for site, draws in loop.positions.items():
        np.testing.assert_allclose(sweeps.positions[site], draws, rtol=1e-6, atol=1e-6)
