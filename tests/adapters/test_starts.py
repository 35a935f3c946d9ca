"""Starts that users write for the sites of a model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

numpyro = pytest.importorskip("numpyro")

import numpyro.distributions as dist  # noqa: E402
from numpyro.infer import init_to_value  # noqa: E402

import pmcmc  # noqa: E402
from pmcmc.adapters.numpyro import from_model, sample_model  # noqa: E402

TINY = dict(n_steps=1, kernel=pmcmc.MALA(1e-12), solver="sequential")


def model(y=0.5):
    mu = numpyro.sample("mu", dist.Normal(0, 10))
    sd = numpyro.sample("sd", dist.LogNormal(0, 1).expand([2]).to_event(1))
    numpyro.deterministic("twice", 2 * mu)
    numpyro.sample("y", dist.Normal(mu, sd.sum()), obs=y)


MU, SD = jnp.zeros(()), jnp.zeros(2)
FAULTS = {
    "x0 is missing 'sd': the names are those of the model's latent sites, 'mu', 'sd'": {"mu": MU},
    "x0 has unknown 'twice': the names": {"mu": MU, "sd": SD, "twice": MU},
    "x0 is missing 'sd' and has unknown 'SD', 'y': the names": {"mu": MU, "SD": SD, "y": MU},
    "x0 must be a dictionary of unconstrained values by site, got ndarray: the names": np.zeros(3),
    r"x0\['sd'\] must have shape \(2,\), that of the unconstrained site, got \(\)": dict(
        mu=MU, sd=MU
    ),
}


@pytest.mark.parametrize("message", FAULTS)
def test_starts_of_other_sites_are_refused(message):
    with pytest.raises(ValueError, match=message):
        sample_model(model, x0=FAULTS[message], **TINY)


def test_starts_of_several_chains_have_a_leading_axis():
    with pytest.raises(ValueError, match=r"shape \(3, 2\), .* after the chains, got \(2,\)"):
        sample_model(model, x0={"mu": jnp.zeros(3), "sd": SD}, n_chains=3, **TINY)


def test_integers_of_init_to_value_are_cast():
    start = init_to_value(values={"mu": 7, "sd": np.array([1, 2])})
    for n_chains in (1, 2):
        found = from_model(model).initial_positions(jax.random.key(0), n_chains, start)
        np.testing.assert_allclose(found["mu"], np.full((2,)[: n_chains - 1], 7.0))
        np.testing.assert_allclose(
            found["sd"][..., :], np.log([1, 2]) + 0 * found["sd"], atol=1e-12
        )


def test_unknown_sites_of_init_to_value_are_named():
    start = init_to_value(values={"mu": 7.0, "my": 3.0})
    bound = from_model(model)
    with pytest.warns(UserWarning, match="values for 'my', which are not latent .* 'mu', 'sd'"):
        found = bound.initial_positions(jax.random.key(0), 1, start)
    np.testing.assert_allclose(found["mu"], 7.0)


@pytest.mark.filterwarnings("ignore:Out-of-support")
def test_starts_outside_of_the_support_say_so():
    def impossible(y):
        numpyro.sample("y", dist.Gamma(jnp.exp(numpyro.sample("x", dist.Normal())), 1), obs=y)

    with pytest.raises(ValueError, match="model could not be started"):
        from_model(impossible, np.array([-1.0, jnp.nan]))


@pytest.mark.parametrize("is_plate_first", [True, False])
def test_a_plate_called_like_a_site_is_refused(is_plate_first):
    def model():
        if is_plate_first:
            with numpyro.plate("a", 3):
                numpyro.sample("b", dist.Normal())
        numpyro.sample("a", dist.Normal())
        if not is_plate_first:
            with numpyro.plate("a", 3):
                numpyro.sample("b", dist.Normal())

    with pytest.raises(ValueError, match=r"a plate and a site called 'a'.*'a_plate'"):
        from_model(model)


def test_plates_may_be_entered_twice():
    def model():
        for name in ("b", "c"):
            with numpyro.plate("a", 3):
                numpyro.sample(name, dist.Normal())

    assert from_model(model).sites.latent == ("b", "c")
