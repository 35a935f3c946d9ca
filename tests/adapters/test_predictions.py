"""Data drawn anew have the law that NumPyro's `Predictive` draws from, inside loops too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

numpyro = pytest.importorskip("numpyro")

import numpyro.distributions as dist  # noqa: E402
from numpyro import handlers  # noqa: E402
from numpyro.contrib.control_flow import cond, scan  # noqa: E402
from numpyro.infer import Predictive  # noqa: E402

import pmcmc  # noqa: E402
from pmcmc.adapters.numpyro import from_model, sample_model  # noqa: E402

N_DRAWS, LENGTH = 2000, 6
Y = np.full(LENGTH, 30.0)
INPUTS = np.linspace(-1.0, 1.0, LENGTH)


def plain(y):
    numpyro.sample("y", dist.Normal(numpyro.sample("a", dist.Normal()), 1).expand([LENGTH]), obs=y)


def plate(y):
    a = numpyro.sample("a", dist.Normal())
    with numpyro.plate("case", LENGTH):
        x = numpyro.sample("x", dist.Normal(a, 1))
        numpyro.sample("y", dist.StudentT(5.0, x, 0.5), obs=y)


def factor(y):
    a = numpyro.sample("a", dist.Normal())
    numpyro.factor("pull", -(a**2))
    numpyro.sample("y", dist.Normal(a, 1).expand([LENGTH]).mask(False), obs=y)


def python_loop(y):
    a, before = numpyro.sample("a", dist.Normal()), 0.0
    for t in range(LENGTH):
        before = numpyro.sample(
            f"y{t}", dist.Normal(a * before, 1), obs=None if y is None else y[t]
        )


def scan_with_feedback(y):
    a = numpyro.sample("a", dist.Normal())

    def step(before, y):
        y = numpyro.sample("y", dist.Normal(a * before, 1), obs=y)
        return y, y

    scan(step, jnp.zeros(()), y, length=LENGTH)


def scan_over_inputs(y):
    """Data by index, and inputs that do feed back."""
    a = numpyro.sample("a", dist.Normal())

    def step(before, t):
        mean = a * before + jnp.asarray(INPUTS)[t]
        y_t = None if y is None else jnp.asarray(y)[t]
        y_t = numpyro.sample("y", dist.Normal(mean, 1), obs=y_t)
        return y_t + jnp.asarray(INPUTS)[t], None

    scan(step, jnp.zeros(()), jnp.arange(LENGTH))


def scan_of_rows(y):
    """A covariate that feeds back, and data that do not, in one array."""
    a = numpyro.sample("a", dist.Normal())

    def step(before, row):
        y_t = None if y is None else row[1]
        y_t = numpyro.sample("y", dist.Normal(a * before + row[0], 1), obs=y_t)
        return 0.5 * row[0] + y_t, None

    rows = jnp.stack([jnp.asarray(INPUTS), jnp.zeros(LENGTH) if y is None else y], axis=1)
    scan(step, jnp.zeros(()), rows)


def scan_of_hidden_states(y):
    """A latent site inside, a plate, and observations that do not feed back."""
    a = numpyro.sample("a", dist.Normal())

    def step(before, y):
        x = numpyro.sample("x", dist.Normal(a * before, 1))
        with numpyro.plate("sensor", 2):
            numpyro.sample("y", dist.Normal(x, 1), obs=y)
        return x, None

    scan(step, jnp.zeros(()), None if y is None else jnp.stack([y, y], 1), length=LENGTH)


def scan_of_counts(y):
    a = numpyro.sample("a", dist.Normal())

    def step(before, y):
        y = numpyro.sample(
            "y", dist.Poisson(jnp.exp(0.1 * a + 0.1 * jnp.minimum(before, 9))), obs=y
        )
        return y.astype(float), None

    scan(step, jnp.zeros(()), None if y is None else y.astype(int), length=LENGTH)


def branches(y):
    a = numpyro.sample("a", dist.Normal())

    def branch(scale):
        return lambda y: numpyro.sample("y", dist.Normal(a, scale).expand([LENGTH]), obs=y)

    cond(a > 0, branch(0.1), branch(2.0), y)


MODELS = [plain, plate, factor, python_loop, scan_with_feedback, scan_over_inputs]
MODELS += [scan_of_rows, scan_of_hidden_states, scan_of_counts, branches]


@pytest.mark.parametrize("model", MODELS)
def test_draws_have_the_law_of_predictive(model):
    rng = np.random.default_rng(1)
    bound = from_model(model, Y)
    shapes = {name: value.shape for name, value in bound.initial_position.items()}
    latent = {name: 0.5 * rng.normal(size=(1, N_DRAWS, *shapes[name])) for name in shapes}
    keys = jax.random.split(jax.random.key(2), (1, N_DRAWS))
    drawn = bound.predictive_draws((keys, latent))
    reference = Predictive(model, latent, batch_ndims=2)(jax.random.key(3), None)
    assert drawn.keys() == {name for name in reference if name.startswith("y")}
    for name, values in drawn.items():
        other = np.asarray(reference[name])
        assert values.shape == other.shape
        assert values.dtype == other.dtype
        ours, theirs = (v.reshape(N_DRAWS, -1) for v in (values, other))
        for column in range(ours.shape[1]):
            assert stats.ks_2samp(ours[:, column], theirs[:, column]).pvalue > 1e-4
        # Dependence between steps too.
        sums = stats.ks_2samp(np.abs(np.diff(ours)).sum(1), np.abs(np.diff(theirs)).sum(1))
        assert sums.pvalue > 1e-4


def test_a_series_far_from_its_law_is_simulated_not_repeated():
    """The data are all 30, a mean of `a**t` starts from there."""
    result = sample_model(
        scan_with_feedback, Y, n_steps=2, kernel=pmcmc.MALA(1e-12), solver="sequential", n_chains=1
    )
    y = result.posterior_predictive()["y"]
    assert y.shape == (1, 2, LENGTH)
    assert np.abs(y[..., 0]).max() < 6
    np.testing.assert_allclose(
        result.log_likelihood()["y"][0, 0],
        stats.norm(result.positions["a"][0, 0] * np.r_[0, Y[:-1]], 1).logpdf(Y),
        rtol=1e-6,
    )


def data_carried_on(y):
    def step(before, y):
        numpyro.sample("y", dist.Normal(a * before, 1), obs=y)
        return y, None

    a = numpyro.sample("a", dist.Normal())
    scan(step, jnp.zeros(()), y)


def data_carried_on_by_index(y):
    def step(carry, _):
        t, before = carry
        numpyro.sample("y", dist.Normal(a * before, 1), obs=jnp.asarray(y)[t])
        return (t + 1, 0.5 * jnp.asarray(y)[t]), None

    a = numpyro.sample("a", dist.Normal())
    scan(step, (0, jnp.zeros(())), None, length=LENGTH)


def data_carried_on_in_rows(y):
    def step(before, row):
        numpyro.sample("y", dist.Normal(a * before, 1), obs=row[1])
        return row.mean(), None

    a = numpyro.sample("a", dist.Normal())
    scan(step, jnp.zeros(()), jnp.stack([jnp.asarray(INPUTS), y], axis=1))


CARRIED_ON = [data_carried_on, data_carried_on_by_index, data_carried_on_in_rows]


@pytest.mark.parametrize("model", CARRIED_ON)
def test_data_that_the_model_carries_on_itself_are_refused(model):
    bound = from_model(model, Y)
    keys = jax.random.split(jax.random.key(2), (1, 2))
    with pytest.raises(
        ValueError, match=r"observations of site 'y' cannot be simulated: .*Predictive"
    ):
        bound.predictive_draws((keys, {"a": np.zeros((1, 2))}))
    bound.log_likelihood_draws({"a": np.zeros((1, 2))})


def test_a_condition_around_a_loop_is_data_too():
    def series(is_given):
        a = numpyro.sample("a", dist.Normal(0.5, 1e-3))

        def body(carry, _):
            value = numpyro.sample("y", dist.Normal(a * carry, 1.0))
            return value, value

        if is_given:
            with handlers.condition(data={"y": jnp.full(8, 30.0)}):
                scan(body, 0.0, jnp.arange(8))
        else:
            scan(body, 0.0, jnp.arange(8))

    result = sample_model(
        series, True, n_steps=400, kernel=pmcmc.MALA(1e-7), x0={"a": 0.5}, solver="sequential"
    )
    drawn = result.posterior_predictive(1)["y"][0]
    exact = np.sqrt(np.cumsum(0.25 ** np.arange(8)))  # a stationary series from 0
    assert np.all(np.abs(drawn.mean(axis=0)) < 4.5 * exact / 20)
    np.testing.assert_allclose(drawn.std(axis=0), exact, rtol=0.2)


def test_a_condition_by_a_function_is_refused():
    def model():
        numpyro.sample("a", dist.Normal())
        with handlers.condition(condition_fn=lambda msg: 1.0 if msg["name"] == "y" else None):
            scan(lambda c, _: (c, numpyro.sample("y", dist.Normal())), 0.0, jnp.arange(3))

    result = sample_model(model, n_steps=2, kernel=pmcmc.MALA(0.1), solver="sequential")
    with pytest.raises(ValueError, match=r"condition has a function: write numpyro.handlers.cond"):
        result.posterior_predictive()
