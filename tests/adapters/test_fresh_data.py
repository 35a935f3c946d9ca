"""Data that change in place between two calls: the second call is of the changed data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

numpyro = pytest.importorskip("numpyro")

import numpyro.distributions as dist  # noqa: E402
from numpyro.infer import HMC  # noqa: E402

import pmcmc  # noqa: E402
from pmcmc.adapters.numpyro import MCMC, ModelKernel, from_model, sample_model  # noqa: E402

from .changing_data import (  # noqa: E402
    CASES,
    COPIED,
    DATA,
    POINT,
    TINY,
    array,
    column_changed,
    expected,
    masked,
    module_global,
)


@pytest.mark.parametrize("case", CASES)
def test_second_call_is_of_the_changed_data(case):
    model, args, change, data = case()
    before = expected(data())
    first = from_model(model, *args)
    np.testing.assert_allclose(jax.jit(first.logdensity)(POINT), before, rtol=1e-6)
    change()
    assert abs(expected(data()) - before) > 0.1
    second = from_model(model, *args)
    np.testing.assert_allclose(jax.jit(second.logdensity)(POINT), expected(data()), rtol=1e-6)
    assert second.logdensity != first.logdensity
    if case in COPIED:  # traced again
        np.testing.assert_allclose(first.logdensity(POINT), before, rtol=1e-6)


@pytest.mark.parametrize("case", [masked, module_global])
def test_second_run_is_of_the_changed_data(case):
    model, args, change, data = case()
    mcmc = MCMC(
        ModelKernel(model, pmcmc.MALA(1e-12)),
        num_warmup=0,
        num_samples=1,
        solver="sequential",
        progress_bar=False,
    )

    def run():
        mcmc.run(jax.random.key(0), *args, init_params=POINT, extra_fields=["potential_energy"])
        return -mcmc.get_extra_fields()["potential_energy"][0]

    np.testing.assert_allclose(run(), expected(data()), rtol=1e-4)
    change()
    np.testing.assert_allclose(run(), expected(data()), rtol=1e-4)


def test_warm_up_of_numpyro_and_draws_are_of_the_changed_data():
    model, args, change, data = column_changed()
    kernel = HMC(model, step_size=1e-9, num_steps=1, trajectory_length=None)
    mcmc = MCMC(kernel, num_warmup=0, num_samples=1, solver="sequential", progress_bar=False)
    for act in (lambda: None, change):
        act()
        mcmc.run(jax.random.key(0), *args, init_params=POINT, extra_fields=["potential_energy"])
        potential = mcmc.get_extra_fields()["potential_energy"][0]
        np.testing.assert_allclose(-potential, expected(data()), rtol=1e-4)
        mcmc.post_warmup_state = None


@pytest.mark.parametrize("case", [array, column_changed, masked])
def test_a_result_keeps_the_data_that_it_was_made_with(case):
    model, args, change, data = case()
    before = np.asarray(data(), float).copy()
    result = sample_model(model, *args, **TINY)
    change()
    likelihood = result.log_likelihood()["y"]
    mu = result.positions["mu"][..., None]
    np.testing.assert_allclose(likelihood, stats.norm(mu, 1).logpdf(before), rtol=1e-6)
    np.testing.assert_array_equal(result.model.sites.observed["y"], before)


def test_what_an_old_result_reads_anew_is_not_what_a_new_one_reads():
    data = {"y": np.zeros(5)}

    def model():
        mu = numpyro.sample("mu", dist.Normal())
        numpyro.sample("y", dist.Normal(mu, 1.0).expand([5]), obs=data["y"])

    tiny = dict(n_steps=3, kernel=pmcmc.MALA(1e-3), solver="sequential")
    old = sample_model(model, **tiny)
    data["y"] = np.full(5, 10.0)
    old.log_likelihood()
    data["y"] = np.zeros(5)
    new = sample_model(model, **tiny)
    expected = stats.norm(new.positions["mu"][..., None], 1).logpdf(np.zeros(5))
    np.testing.assert_allclose(new.log_likelihood()["y"], expected)


def test_attributes_of_a_subclass_of_arrays_are_kept():
    class Scaled(np.ndarray):
        scale = 1.0

    y = DATA.view(Scaled)
    y.scale = 5.0

    def model(y):
        mu = numpyro.sample("mu", dist.Normal(0, 1))
        numpyro.sample("y", dist.Normal(mu * y.scale, 1.0), obs=jnp.asarray(np.asarray(y)))

    value = from_model(model, y).logdensity(POINT)
    right = stats.norm.logpdf(0.3) + stats.norm(0.3 * 5, 1).logpdf(DATA).sum()
    np.testing.assert_allclose(value, right)
