"""`jit_model_args=True`: other data of the same shapes, the same compiled code."""

import jax
import numpy as np
import pytest

numpyro = pytest.importorskip("numpyro")

import numpyro.distributions as dist  # noqa: E402
from scipy import stats  # noqa: E402

import pmcmc  # noqa: E402
from pmcmc.adapters.numpyro import MCMC, ModelKernel, _with_data, from_model  # noqa: E402


def model(y, sd=1.0, power=1):
    mu = numpyro.sample("mu", dist.Normal(0.0, 10.0))
    numpyro.sample("y", dist.Normal(mu**power, sd), obs=y)


def fit(jit_model_args, *args, **kwargs):
    kernel = ModelKernel(model, pmcmc.MALA(0.02))
    mcmc = MCMC(
        kernel,
        num_warmup=0,
        num_samples=5,
        progress_bar=False,
        jit_model_args=jit_model_args,
        solver="sequential",
    )
    mcmc.run(jax.random.key(0), *args, **kwargs)
    return mcmc.result.unconstrained


def expected(result, y, sd=1.0, power=1):
    mu = result.positions["mu"]
    prior = stats.norm(0, 10).logpdf(mu)
    return prior + stats.norm(mu[..., None] ** power, sd).logpdf(y).sum(axis=-1)


def test_other_data_and_numbers_find_the_program_and_are_seen(monkeypatch):
    traces = []

    def counting(*arguments):
        traces.append(None)
        return potential_energy(*arguments)

    potential_energy = _with_data.potential_energy
    monkeypatch.setattr(_with_data, "potential_energy", counting)
    for sd in (1.0, 2.0, 3.0):
        y = np.array([-3.0, 50.0]) * sd
        result = fit(True, y, sd=sd)
        np.testing.assert_allclose(result.stats["logdensity"], expected(result, y, sd))
        assert len(traces) == 1
    fit(True, np.zeros(3), sd=1.0)  # another shape
    assert len(traces) == 2


def test_what_is_no_number_makes_another_program():
    y = np.array([1.0, 2.0])
    for power in (1, 3):
        result = fit(True, y, power=power)
        np.testing.assert_allclose(result.stats["logdensity"], expected(result, y, power=power))


def test_with_numpyro_s_own_sampler():
    y = np.array([1.0, 2.0])
    for data in (y, 3 * y):
        mcmc = MCMC(
            numpyro.infer.HMC(model, num_steps=3, trajectory_length=None),
            num_warmup=5,
            num_samples=5,
            progress_bar=False,
            jit_model_args=True,
            solver="sequential",
        )
        mcmc.run(jax.random.key(0), data)
        result = mcmc.result.unconstrained
        np.testing.assert_allclose(result.stats["logdensity"], expected(result, data))


def test_what_cannot_be_compared_goes_the_usual_way():
    class Box:
        scale = 2.0

    def boxed(box):
        numpyro.sample("mu", dist.Normal(0.0, box.scale))

    bound = from_model(boxed, Box())
    assert bound.logdensity_of_data is bound.logdensity
