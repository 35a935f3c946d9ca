"""NumPyro's models: log densities, sites, groups, and what cannot be sampled."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

numpyro = pytest.importorskip("numpyro")

import numpyro.distributions as dist  # noqa: E402
from numpyro.infer import init_to_value  # noqa: E402

import pmcmc  # noqa: E402
from pmcmc.adapters.numpyro import from_model, sample_model  # noqa: E402

from .models import MODELS, eight_schools  # noqa: E402

SIGMA = MODELS["eight schools"][1][0]
Y = MODELS["eight schools"][2]["y"]
DATA = np.random.default_rng(0).normal(1.0, 1.0, size=20)
MALA = pmcmc.MALA(0.05)


def normal_mean(y):
    """The posterior of `mu` is normal with precision `len(y) + 1`."""
    mu = numpyro.sample("mu", dist.Normal(0, 1))
    numpyro.deterministic("twice", 2 * mu)
    numpyro.sample("y", dist.Normal(mu, 1), obs=y)


# --- from_model


def schools_numpy(position):
    """The log density with the logarithm of `tau` for its coordinate, by SciPy."""
    mu, log_tau, z = (np.asarray(position[name]) for name in ("mu", "tau", "z"))
    tau = np.exp(log_tau)
    prior = stats.norm(0, 5).logpdf(mu) + stats.halfcauchy(scale=5).logpdf(tau) + log_tau
    likelihood = stats.norm(mu + tau * z, SIGMA).logpdf(Y).sum()
    return prior + stats.norm.logpdf(z).sum() + likelihood


def test_log_density_and_sites_against_scipy():
    model = from_model(eight_schools, SIGMA, y=Y)
    assert np.isfinite(schools_numpy(model.initial_position))
    rng = np.random.default_rng(1)
    for _ in range(3):
        position = {"mu": rng.normal(), "tau": rng.normal(), "z": rng.normal(size=8)}
        value = jax.jit(model.logdensity)(position)
        np.testing.assert_allclose(value, schools_numpy(position), rtol=1e-12)
        sites = model.constrain(position)
        np.testing.assert_allclose(sites["tau"], np.exp(position["tau"]))
        theta = position["mu"] + np.exp(position["tau"]) * position["z"]
        np.testing.assert_allclose(sites["theta"], theta)
        assert set(sites) == {"mu", "tau", "z", "theta"}


def test_equal_data_find_the_same_compiled_code():
    first = from_model(eight_schools, SIGMA, y=Y)
    again = from_model(eight_schools, SIGMA.copy(), y=Y.copy())
    for name in ("logdensity", "constrain"):
        assert getattr(first, name) == getattr(again, name)
        assert hash(getattr(first, name)) == hash(getattr(again, name))
    others = [
        from_model(eight_schools, SIGMA, y=Y + 1),
        from_model(eight_schools, SIGMA.astype(np.float32), y=Y),
        from_model(functools.partial(eight_schools), SIGMA, y=Y),
    ]
    assert all(first.logdensity != other.logdensity for other in others)
    assert first.logdensity != first.constrain


def test_data_changed_later_are_not_seen():
    y = Y.copy()
    model = from_model(eight_schools, SIGMA, y=y)
    y += 100
    np.testing.assert_allclose(
        model.logdensity(model.initial_position), schools_numpy(model.initial_position)
    )
    assert model.logdensity != from_model(eight_schools, SIGMA, y=y).logdensity


def test_second_call_traces_the_model_no_more_than_from_model_does():
    calls = []

    def model(y):
        calls.append(None)
        normal_mean(y)

    def count(function):
        calls.clear()
        function()
        return len(calls)

    def run(seed):
        sample_model(model, DATA.copy(), n_steps=20, kernel=MALA, rng_key=seed)

    run(0)
    n_start = count(lambda: from_model(model, DATA).initial_positions(jax.random.key(0), 1))
    assert count(lambda: run(1)) == n_start


# --- sample_model


@pytest.fixture(scope="module")
def schools():
    return sample_model(eight_schools, SIGMA, y=Y, n_steps=700, kernel=MALA, n_chains=2, rng_key=3)


def test_positions_are_sites(schools):
    shapes = {name: value.shape for name, value in schools.positions.items()}
    assert shapes == {"mu": (2, 700), "tau": (2, 700), "z": (2, 700, 8), "theta": (2, 700, 8)}
    # In chunks and in one piece.
    raw = schools.unconstrained.positions
    np.testing.assert_allclose(schools.positions["tau"], np.exp(raw["tau"]))
    theta = raw["mu"][..., None] + np.exp(raw["tau"])[..., None] * raw["z"]
    np.testing.assert_allclose(schools.positions["theta"], theta)
    assert all(type(value) is np.ndarray for value in schools.positions.values())
    assert "sites       mu (), tau (), theta (8,), z (8,)" in repr(schools)
    assert schools.final_state.position["z"].shape == (2, 8)
    assert schools.info.n_steps == 700


def test_log_likelihood_against_scipy(schools):
    got = schools.log_likelihood()
    expected = stats.norm(schools.positions["theta"], SIGMA).logpdf(Y)
    assert set(got) == {"y"}
    np.testing.assert_allclose(got["y"], expected, rtol=1e-10)


def test_predictive_draws_have_the_law_of_the_data(schools):
    drawn = schools.posterior_predictive(5)["y"]
    assert drawn.shape == (2, 700, 8)
    scaled = (drawn - schools.positions["theta"]) / SIGMA
    # 11,200 independent standard normal draws.
    assert stats.kstest(scaled.ravel(), "norm").pvalue > 1e-3
    assert len(np.unique(scaled)) == scaled.size
    np.testing.assert_array_equal(drawn, schools.posterior_predictive(5)["y"])
    assert (drawn != schools.posterior_predictive(6)["y"]).all()


def test_to_arviz_has_plates_for_dims(schools):
    data = schools.to_arviz(log_likelihood=True, posterior_predictive=True)
    assert data.posterior["theta"].dims == ("chain", "draw", "school")
    assert data.posterior["mu"].dims == ("chain", "draw")
    assert data.log_likelihood["y"].dims == ("chain", "draw", "school")
    assert data.posterior_predictive["y"].dims == ("chain", "draw", "school")
    assert data.observed_data["y"].dims == ("school",)
    np.testing.assert_array_equal(data.posterior["school"], np.arange(8))
    np.testing.assert_array_equal(data.posterior["z"], schools.positions["z"])
    np.testing.assert_array_equal(data.observed_data["y"], Y)
    assert data.posterior.attrs["inference_library"] == "pmcmc"
    assert {"lp", "diverging"} <= set(data.sample_stats.data_vars)
    named = schools.to_arviz(dims={"theta": ["place"]}, coords={"place": list("abcdefgh")})
    assert named.posterior["theta"].sel(place="h").shape == (2, 700)
    assert not hasattr(named, "log_likelihood")
    assert schools.summary().loc["mu"].notna().all()


def test_starting_where_told():
    tiny = pmcmc.MALA(1e-12)
    for start in (dict(x0={"mu": 7.0}), dict(init_strategy=init_to_value(values={"mu": 7.0}))):
        result = sample_model(normal_mean, DATA, n_steps=1, kernel=tiny, **start)
        np.testing.assert_allclose(result.positions["mu"], 7.0, atol=1e-4)


def test_chains_start_apart():
    starts = from_model(normal_mean, DATA).initial_positions(jax.random.key(0), 3)
    assert starts["mu"].shape == (3,)
    assert len(np.unique(starts["mu"])) == 3


# --- models of special kinds


def check_posterior_of_mean(result, precision, weighted_sum):
    """Moments of a normal posterior, within 4 standard errors by the means of 50 batches."""
    batches = result.positions["mu"][0, 200:].reshape(50, -1)
    for values, expected in [
        (batches, weighted_sum / precision),
        ((batches - weighted_sum / precision) ** 2, 1 / precision),
    ]:
        means = values.mean(axis=1)
        assert abs(means.mean() - expected) < 4 * means.std(ddof=1) / np.sqrt(50)


def sample_mean(model, *args, **kwargs):
    return sample_model(model, *args, **kwargs, n_steps=5200, kernel=pmcmc.MALA(0.04))


def test_data_as_keywords_and_deterministic_sites():
    result = sample_mean(normal_mean, y=DATA)
    check_posterior_of_mean(result, 21, DATA.sum())
    np.testing.assert_allclose(result.positions["twice"], 2 * result.positions["mu"])


def test_improper_prior():
    def model(y):
        flat = dist.ImproperUniform(dist.constraints.real, (), ())
        numpyro.sample("y", dist.Normal(numpyro.sample("mu", flat), 1), obs=y)

    check_posterior_of_mean(sample_mean(model, DATA), 20, DATA.sum())


def test_factor_and_masked_sites():
    mask = np.arange(20) % 3 > 0

    def model(y):
        mu = numpyro.sample("mu", dist.Normal(0, 1))
        numpyro.sample("y", dist.Normal(mu, 1).mask(mask), obs=y)
        with numpyro.handlers.mask(mask=False):
            numpyro.sample("unused", dist.Normal(mu, 0.1), obs=5.0)
        numpyro.factor("pull", -0.5 * 10 * (mu - 2) ** 2)

    result = sample_mean(model, DATA)
    precision = 1 + mask.sum() + 10
    check_posterior_of_mean(result, precision, DATA[mask].sum() + 20)
    assert set(result.log_likelihood()) == {"y", "unused"}
    np.testing.assert_array_equal(result.log_likelihood()["y"][..., ~mask], 0)
    assert set(result.posterior_predictive()) == {"y", "unused"}


def test_observations_missing_in_part_are_latent():
    mask = np.arange(20) < 15

    def model(y):
        mu = numpyro.sample("mu", dist.Normal(0, 1))
        numpyro.sample("y", dist.Normal(mu, 1).expand([20]), obs=y, obs_mask=mask)

    result = sample_mean(model, DATA)
    check_posterior_of_mean(result, 16, DATA[mask].sum())
    assert result.positions["y_unobserved"].shape == (1, 5200, 20)


def test_nested_plates():
    def model(y):
        mu = numpyro.sample("mu", dist.Normal(0, 1))
        with numpyro.plate("column", 5, dim=-1), numpyro.plate("row", 4, dim=-2):
            z = numpyro.sample("z", dist.Normal(mu, 1).expand([2]).to_event(1))
            numpyro.sample("y", dist.Normal(z.sum(-1), 1), obs=y)

    result = sample_model(model, DATA.reshape(4, 5), n_steps=5, kernel=MALA)
    assert result.positions["z"].shape == (1, 5, 4, 5, 2)
    dims = result.to_arviz(log_likelihood=True).posterior["z"].dims
    assert dims == ("chain", "draw", "row", "column", "z_dim_2")


def test_discrete_sites_are_summed_out():
    pytest.importorskip("funsor")
    y, probs, means = DATA[:6], np.array([0.3, 0.7]), np.array([-1.0, 1.0])

    def model(y):
        sd = numpyro.sample("sd", dist.LogNormal(0, 1))
        with numpyro.plate("case", 6):
            z = numpyro.sample("z", dist.Categorical(probs=jnp.asarray(probs)))
            numpyro.sample("y", dist.Normal(jnp.asarray(means)[z], sd), obs=y)

    bound = from_model(model, y)
    assert bound.sites.latent == ("sd",)
    for log_sd in (-0.4, 0.8):
        sd = np.exp(log_sd)
        mixed = (probs * stats.norm(means, sd).pdf(y[:, None])).sum(axis=1)
        expected = stats.lognorm(1).logpdf(sd) + log_sd + np.log(mixed).sum()
        np.testing.assert_allclose(bound.logdensity({"sd": log_sd}), expected, rtol=1e-10)
    result = sample_model(model, y, n_steps=5, kernel=MALA)
    assert set(result.positions) == {"sd"}
    with pytest.raises(ValueError, match=r"site 'z' is discrete and was summed out.*Predictive"):
        result.log_likelihood()


def test_discrete_sites_without_funsor_are_refused(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    def model():
        numpyro.sample("x", dist.Normal(numpyro.sample("z", dist.Bernoulli(0.5)), 1))

    with pytest.raises(ValueError, match=r"site 'z' is discrete.* needs funsor: pip install"):
        from_model(model)


def poisson_latent():
    numpyro.sample("x", dist.Normal(numpyro.sample("n", dist.Poisson(3.0)), 1))


def subsampled():
    mu = numpyro.sample("mu", dist.Normal())
    with numpyro.plate("case", 20, subsample_size=5) as index:
        numpyro.sample("y", dist.Normal(mu, 1), obs=jnp.asarray(DATA)[index])


def delta():
    numpyro.sample("x", dist.Normal(numpyro.sample("point", dist.Delta(1.0)), 1))


def without_latent():
    numpyro.sample("y", dist.Normal(0, 1), obs=1.0)


def impossible():
    numpyro.factor("never", -jnp.inf * numpyro.sample("x", dist.HalfNormal(1)))


REFUSED = {
    "site 'n' is discrete and Poisson has too many values": poisson_latent,
    "plate 'case' has subsample_size=5 of 20.*without subsample_size": subsampled,
    "site 'point' has a delta distribution.*numpyro.deterministic": delta,
    "model has no continuous latent site": without_latent,
    "model could not be started": impossible,
    "model must be a NumPyro model, a function, got 3": 3,
}


@pytest.mark.parametrize("message", REFUSED)
def test_models_that_cannot_be_sampled_are_refused(message):
    with pytest.raises(ValueError, match=message):
        from_model(REFUSED[message])


def test_misspelt_keywords_are_named():
    with pytest.raises(ValueError, match=r"normal_mean cannot be called .*unexpected.*'n_step'"):
        sample_model(normal_mean, DATA, n_steps=10, n_step=5)
    with pytest.raises(ValueError, match="missing a required argument: 'y'"):
        sample_model(normal_mean, n_steps=10)
