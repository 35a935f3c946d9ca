"""Log densities of models of series and curves: loops, adaptive solvers, whole covariances."""

import itertools

import numpy as np
from scipy import integrate, stats

from pmcmc.targets import tables

norm = stats.norm.logpdf


def expit(x):
    return 1 / (1 + np.exp(-x))


def arma11(x):
    mu, phi, theta, sigma = *x[:3], np.exp(x[3])
    y = tables.read_numbers("arma11.csv")[:, 0]
    errors = [y[0] - (mu + phi * mu)]
    for t in range(1, len(y)):
        errors.append(y[t] - (mu + phi * y[t - 1] + theta * errors[-1]))
    value = norm(errors, 0, sigma).sum() + norm(mu, 0, 10) + norm([phi, theta], 0, 2).sum()
    return value + stats.halfcauchy.logpdf(sigma, scale=2.5) + x[3]


def hmm(x):
    p, q = expit(x[:2])
    low = np.exp(x[2])
    mu = np.array([low, low + np.exp(x[3])])
    move = np.array([[p, 1 - p], [q, 1 - q]])
    y = tables.read_numbers("hmm_example.csv")[:, 0]
    weights = stats.norm.pdf(y[0], mu, 1)
    for value in y[1:]:
        weights = weights @ move * stats.norm.pdf(value, mu, 1)  # no underflow in 100 steps
    jacobian = np.log(p * (1 - p)) + np.log(q * (1 - q)) + x[2] + x[3]
    return np.log(weights.sum()) + norm(mu, [3, 10], 1).sum() + jacobian


def solve(derivative, start, times):
    """By an adaptive solver of eighth order, shape `(time, state)`."""
    return integrate.solve_ivp(
        derivative, (0, times[-1]), start, "DOP853", times, rtol=1e-7, atol=1e-7
    ).y.T


def one_compartment(x):
    k_a, k_m, v_m, sigma = np.exp(x)
    times, measured = tables.read_numbers("one_comp_mm_elim_abs.csv").T
    solution = solve(
        lambda t, c: np.exp(-k_a * t) * 30 * k_a / 2 - v_m / 2 * c / (k_m + c), [0.0], times
    )
    value = stats.lognorm.logpdf(measured, sigma, scale=solution[:, 0]).sum()
    return value + stats.halfcauchy.logpdf(np.exp(x)).sum() + x.sum()


def negative_binomial(counts, mean, overdispersion):
    size = 1 / overdispersion
    return stats.nbinom.logpmf(counts, size, size / (size + mean)).sum()


def sir(x):
    beta, gamma, overdispersion = np.exp(x)
    counts = [3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4]

    def derivative(_, state):
        s, i, _ = state
        return [-beta * s * i / 763, beta * s * i / 763 - gamma * i, gamma * i]

    infected = solve(derivative, [762, 1, 0], np.arange(1.0, 15))[:, 1]
    value = negative_binomial(counts, infected, overdispersion)
    value += norm(beta, 2, 1) + norm(gamma, 0.4, 0.5)
    return value + stats.expon.logpdf(overdispersion, scale=1 / 5) + x.sum()


def contacts(population):
    """Person by person of two groups, with the spectral radius by powers."""
    rates = np.empty((16, 16))
    ages = [5 * group + 2.5 for group in range(16)]
    active = [1 + np.exp(-(((age - 12) / 12) ** 2)) for age in ages]
    for i, age in enumerate(ages):
        for j, other in enumerate(ages):
            apart = abs(age - other)
            meet = np.exp(-apart / 8) + 0.4 * np.exp(-(((apart - 30) / 10) ** 2)) + 0.1
            rates[i, j] = meet * active[i] * active[j] * population[j]
    vector = np.ones(16)
    for _ in range(200):
        vector = rates @ vector
        radius = vector.sum()
        vector /= radius
    return rates / radius


def seir_age_groups(x):
    medians = np.log([2.5, 4, 5, 50, 1, 1, 0.05])
    logs = medians + np.array([0.3, 0.2, 0.2, 1, 0.3, 0.3, 0.7]) * x[:7]
    reproduction, latent, infectious, initial, young, old, overdispersion = np.exp(logs)
    reduction, reporting = expit(x[7]), expit(-1.5 + x[8:])
    density = np.exp(-(((5 * np.arange(16) + 2.5) / 75) ** 3))
    people = 1e6 * density / density.sum()
    meet = contacts(people)
    susceptibility = np.array([young] * 3 + [1.0] * 10 + [old] * 3)

    def derivative(t, state):
        s, e1, e2, i1, i2, _ = state.reshape(6, 16)
        beta = reproduction / infectious * (1 - reduction * expit((t - 50) / 3))
        new = s * susceptibility * beta * (meet @ ((i1 + i2) / people))
        first, second = 2 / latent * e1, 2 / latent * e2
        third, fourth = 2 / infectious * i1, 2 / infectious * i2
        rows = [-new, new - first, first - second, second - third, third - fourth, second]
        return np.concatenate(rows)

    start = np.zeros((6, 16))
    start[1] = initial * people / 1e6
    start[0] = people - start[1]
    ever = solve(derivative, start.ravel(), 7.0 * np.arange(25))[:, 80:]
    mean = np.diff(ever, axis=0) * np.repeat(reporting, [3, 5, 5, 3])
    cases = tables.read_numbers("seir_age_groups.csv")
    return negative_binomial(cases, mean, overdispersion) + norm(x).sum()


def local_linear_trend(x):
    """All flows at once: sums of independent normal numbers, with their covariance."""
    sigma = np.exp(x)
    flows = tables.read_numbers("nile.csv")[:, 1]
    n = len(flows)
    # Columns: the first level and slope, then the steps of the slope and of the level.
    time = np.arange(n)
    slopes = np.tril(np.ones((n, n)), -1)
    parts = [
        (np.ones((n, 1)), 300),
        (time[:, None], 30),
        (slopes @ slopes, sigma[2]),
        (slopes, sigma[1]),
        (np.eye(n), sigma[0]),
    ]
    covariance = sum(sd**2 * loading @ loading.T for loading, sd in parts)
    value = stats.multivariate_normal.logpdf(flows, np.full(n, 1000.0), covariance)
    return value + stats.halfnorm.logpdf(sigma, 0, [200, 100, 10]).sum() + x.sum()


def gaussian_process(x):
    amplitude, length, seasonal, seasonal_length, sigma = np.exp(x)
    y = tables.read_numbers("sea_surface_temperature.csv")[:, 2]
    years = np.arange(120) / 12
    covariance = sigma**2 * np.eye(120)
    for i in range(120):
        for j in range(120):
            d = years[i] - years[j]
            covariance[i, j] += amplitude**2 * np.exp(-(d**2) / (2 * length**2))
            wave = np.sin(np.pi * d) ** 2 / seasonal_length**2
            covariance[i, j] += seasonal**2 * np.exp(-2 * wave)
    value = stats.multivariate_normal.logpdf(y - y.mean(), cov=covariance)
    return value + norm(x, np.log([1, 0.5, 2, 1, 0.3]), [1, 0.7, 0.7, 0.5, 0.7]).sum()


def garch11(x):
    mu, omega = x[0], np.exp(x[1])
    persistence, share = expit(x[2:])
    alpha, beta = persistence * share, persistence * (1 - share)
    prices = [float(row["price"]) for row in tables.read_rows("oil_price.csv")]
    returns = [100 * np.log(b / a) for a, b in itertools.pairwise(prices)]
    h, value = np.var(returns), 0.0
    for y in returns:
        value += norm(y, mu, np.sqrt(h))
        h = omega + alpha * (y - mu) ** 2 + beta * h
    value += norm(mu) + stats.halfcauchy.logpdf(omega) + x[1]
    logits = np.log(persistence * (1 - persistence) * share * (1 - share))
    return value + logits + np.log(persistence)


ORACLES = {
    "arma11": arma11,
    "garch11": garch11,
    "gaussian_process": gaussian_process,
    "hmm": hmm,
    "local_linear_trend": local_linear_trend,
    "one_compartment": one_compartment,
    "seir_age_groups": seir_age_groups,
    "sir": sir,
}
