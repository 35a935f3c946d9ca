"""NumPyro models of different kinds with simulated data: a row each, with the sites to compare."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.contrib.control_flow import scan


def eight_schools(sigma, y=None):
    mu = numpyro.sample("mu", dist.Normal(0, 5))
    tau = numpyro.sample("tau", dist.HalfCauchy(5))
    with numpyro.plate("school", len(sigma)):
        z = numpyro.sample("z", dist.Normal())
        theta = numpyro.deterministic("theta", mu + tau * z)
        numpyro.sample("y", dist.Normal(theta, sigma), obs=y)


def logistic_regression(x, y=None):
    beta = numpyro.sample("beta", dist.Normal(0, 2).expand([x.shape[1]]).to_event(1))
    with numpyro.plate("case", len(x)):
        numpyro.sample("y", dist.Bernoulli(logits=x @ beta), obs=y)


def gaussian_process(x, y=None):
    amplitude = numpyro.sample("amplitude", dist.LogNormal(0, 1))
    length = numpyro.sample("length", dist.InverseGamma(5, 5))
    noise = numpyro.sample("noise", dist.HalfNormal(1))
    squares = (x[:, None] - x[None, :]) ** 2
    covariance = amplitude**2 * jnp.exp(-0.5 * squares / length**2)
    covariance += (noise**2 + 1e-6) * jnp.eye(len(x))
    numpyro.sample("y", dist.MultivariateNormal(jnp.zeros(len(x)), covariance), obs=y)


def hidden_markov(y):
    """The states are summed out by the forward recursion, which enters by `numpyro.factor`."""
    stay = numpyro.sample("stay", dist.Beta(4, 2).expand([2]).to_event(1))
    base = dist.Normal(0, 3).expand([2]).to_event(1)
    ordered = dist.transforms.OrderedTransform()
    means = numpyro.sample("means", dist.TransformedDistribution(base, ordered))
    log_move = jnp.log(jnp.array([[stay[0], 1 - stay[0]], [1 - stay[1], stay[1]]]))

    def forward(log_alpha, value):
        log_alpha = jax.nn.logsumexp(log_alpha[:, None] + log_move, axis=0)
        return log_alpha + dist.Normal(means, 0.7).log_prob(value), None

    start = jnp.log(0.5) + dist.Normal(means, 0.7).log_prob(y[0])
    log_alpha, _ = jax.lax.scan(forward, start, jnp.asarray(y[1:]))
    numpyro.factor("likelihood", jax.nn.logsumexp(log_alpha))


def stochastic_volatility(returns):
    sigma = numpyro.sample("sigma", dist.Exponential(10))
    moves = numpyro.sample("moves", dist.Normal().expand([len(returns)]).to_event(1))
    nu = numpyro.sample("nu", dist.Gamma(20, 2))
    volatility = numpyro.deterministic("volatility", jnp.cumsum(sigma * moves) - 1)
    numpyro.sample("returns", dist.StudentT(nu, 0, jnp.exp(volatility)), obs=returns)


def horseshoe(x, y=None):
    n = x.shape[1]
    scale = numpyro.sample("scale", dist.HalfNormal(0.5))
    local = numpyro.sample("local", dist.HalfCauchy().expand([n]).to_event(1))
    z = numpyro.sample("z", dist.Normal().expand([n]).to_event(1))
    beta = numpyro.deterministic("beta", scale * local * z)
    numpyro.sample("y", dist.Normal(x @ beta, 0.5), obs=y)


def radon(county, floor, n_counties, log_radon=None):
    mu = numpyro.sample("mu", dist.Normal(0, 2))
    spread = numpyro.sample("spread", dist.HalfNormal(1))
    slope = numpyro.sample("slope", dist.Normal(0, 1))
    with numpyro.plate("county", n_counties):
        offset = numpyro.sample("offset", dist.Normal())
    sigma = numpyro.sample("sigma", dist.HalfNormal(1))
    level = mu + spread * offset[county] + slope * floor
    with numpyro.plate("house", len(county)):
        numpyro.sample("log_radon", dist.Normal(level, sigma), obs=log_radon)


def autoregression(y):
    alpha = numpyro.sample("alpha", dist.Normal(0, 1))
    phi = numpyro.sample("phi", dist.Uniform(-1, 1).expand([2]).to_event(1))
    sigma = numpyro.sample("sigma", dist.HalfNormal(1))

    def move(carry, value):
        before, last = carry
        mean = alpha + phi[0] * last + phi[1] * before
        value = numpyro.sample("y", dist.Normal(mean, sigma), obs=value)
        return (last, value), None

    scan(move, (y[0], y[1]), jnp.asarray(y[2:]))


def ordered_mixture(y):
    weights = numpyro.sample("weights", dist.Dirichlet(jnp.full(2, 5.0)))
    base = dist.Normal(0, 1.5).expand([2]).to_event(1)
    ordered = dist.transforms.OrderedTransform()
    means = numpyro.sample("means", dist.TransformedDistribution(base, ordered))
    sd = numpyro.sample("sd", dist.LogNormal(-0.7, 0.3))
    components = dist.Normal(means, sd)
    with numpyro.plate("case", len(y)):
        numpyro.sample(
            "y", dist.MixtureSameFamily(dist.Categorical(probs=weights), components), obs=y
        )


def growth_equation(t, y):
    """Logistic growth, integrated by Runge and Kutta's method of fourth order."""
    rate = numpyro.sample("rate", dist.LogNormal(0, 0.5))
    capacity = numpyro.sample("capacity", dist.LogNormal(1, 0.5))
    sigma = numpyro.sample("sigma", dist.HalfNormal(0.5))

    def slope(size):
        return rate * size * (1 - size / capacity)

    def move(size, h):
        k1 = slope(size)
        k2 = slope(size + h / 2 * k1)
        k3 = slope(size + h / 2 * k2)
        size = size + h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(size + h * k3))
        return size, size

    _, sizes = jax.lax.scan(move, jnp.asarray(0.2, jnp.result_type(float)), jnp.diff(t))
    numpyro.sample("y", dist.LogNormal(jnp.log(sizes), sigma), obs=y)


_rng = np.random.default_rng(2026)
_X = _rng.normal(size=(60, 3))
_TIMES = np.linspace(0, 3, 25)
_WIDE = _rng.normal(size=(40, 5))
_COUNTY = _rng.integers(6, size=50)
_FLOOR = _rng.integers(2, size=50).astype(float)
_HIDDEN = np.repeat([0, 1, 0, 1], 15)
_AR = np.zeros(60)
for _t in range(2, 60):
    _AR[_t] = 0.3 + 0.5 * _AR[_t - 1] - 0.3 * _AR[_t - 2] + 0.4 * _rng.normal()
_T = np.linspace(0, 4, 21)

# Model, positional and keyword arguments, and the sites whose posterior means exist.
MODELS = {
    "eight schools": (
        eight_schools,
        (np.array([15.0, 10, 16, 11, 9, 11, 10, 18]),),
        dict(y=np.array([28.0, 8, -3, 7, -1, 1, 18, 12])),
        ["mu", "tau", "theta", "z"],
    ),
    "logistic regression": (
        logistic_regression,
        (_X,),
        dict(y=(0.5 * _rng.logistic(size=60) < _X @ [1.0, -0.5, 0.0]).astype(int)),
        ["beta"],
    ),
    "Gaussian process": (
        gaussian_process,
        (_TIMES,),
        dict(y=np.sin(2 * _TIMES) + 0.2 * _rng.normal(size=25)),
        ["amplitude", "length", "noise"],
    ),
    "hidden Markov": (
        hidden_markov,
        (),
        dict(y=np.array([-1.0, 1.0])[_HIDDEN] + 0.7 * _rng.normal(size=60)),
        ["stay", "means"],
    ),
    "stochastic volatility": (
        stochastic_volatility,
        (0.4 * np.exp(0.5 * np.sin(np.arange(40) / 6)) * _rng.standard_t(8, size=40),),
        {},
        ["sigma", "nu", "volatility"],
    ),
    "horseshoe": (
        horseshoe,
        (_WIDE,),
        dict(y=_WIDE @ [1.0, 0, 0, -0.5, 0] + 0.5 * _rng.normal(size=40)),
        ["scale", "beta", "z"],
    ),
    "radon": (
        radon,
        (_COUNTY, _FLOOR, 6),
        dict(log_radon=1 + 0.3 * _COUNTY - 0.6 * _FLOOR + 0.5 * _rng.normal(size=50)),
        ["mu", "spread", "slope", "offset", "sigma"],
    ),
    "autoregression": (autoregression, (), dict(y=_AR), ["alpha", "phi", "sigma"]),
    "ordered mixture": (
        ordered_mixture,
        (),
        dict(y=np.concatenate([_rng.normal(-1.5, 0.5, 30), _rng.normal(1.2, 0.5, 20)])),
        ["weights", "means", "sd"],
    ),
    "growth equation": (
        growth_equation,
        (_T,),
        dict(
            y=3 / (1 + 14 * np.exp(-1.3 * _T[1:])) * np.exp(0.1 * _rng.normal(size=20)),
        ),
        ["rate", "capacity", "sigma"],
    ),
}
