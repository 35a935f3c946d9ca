"""Log densities of the targets as textbooks write them, in NumPy and SciPy."""

import functools

import numpy as np
from scipy import integrate, stats

from pmcmc.targets import tables
from pmcmc.targets.item_response import simulate_answers
from pmcmc.targets.stochastic_volatility import simulate_returns

norm, halfnorm = stats.norm.logpdf, stats.halfnorm.logpdf


# Log densities by SciPy's distributions, of the parameters that `constrain` returns, with the
# logarithm of the Jacobian of the position added: what the textbook writes, slowly.


def banana(x):
    return norm(x[0], 0, 10) + norm(x[1], 0.03 * (x[0] ** 2 - 100), 1)


def correlated_gaussian(x):
    sd = np.geomspace(0.5, 2.0, 25)
    index = np.arange(25)
    covariance = 0.9 ** np.abs(index[:, None] - index) * np.outer(sd, sd)
    return stats.multivariate_normal.logpdf(x, cov=covariance)


def mixture(weights, means, variances, x):
    return np.log(
        sum(
            weight * stats.multivariate_normal.pdf(x, mean, np.diag(variance))
            for weight, mean, variance in zip(weights, means, variances, strict=True)
        )
    )


two_well = functools.partial(
    mixture, [0.49, 0.51], [[-1.4, 0], [1.6, 0]], [[0.45, 0.45], [0.54, 0.45]]
)
gaussian_mixture = functools.partial(
    mixture,
    [0.3, 0.2, 0.3, 0.2],
    [[2, 0], [0, 2], [-2, 0], [0, -1.5]],
    [[0.5, 0.8], [1.0, 0.4], [0.8, 0.8], [0.6, 1.2]],
)


def funnel(x):
    return norm(x[0], 0, 3) + norm(x[1:], 0, np.exp(x[0] / 2)).sum()


EFFECTS = np.array([28, 8, -3, 7, -1, 1, 18, 12])
ERRORS = np.array([15, 10, 16, 11, 9, 11, 10, 18])


def eight_schools(x):
    mu, tau = x[8], np.exp(x[9])
    value = norm(x[:8]).sum() + norm(mu, 0, 5) + stats.halfcauchy.logpdf(tau, 0, 5) + x[9]
    return value + norm(EFFECTS, mu + tau * x[:8], ERRORS).sum()


def scaled_inverse_chi2(x, df, scale):
    return stats.invgamma.logpdf(x, df / 2, scale=df * scale / 2)


def eight_schools_gibbs(x):
    mu, tau2, theta, sigma2 = x[0], np.exp(x[1]), x[2:10], np.exp(x[10:])
    value = scaled_inverse_chi2(tau2, 0.1, 100) + norm(mu, 0, np.sqrt(tau2 / 0.1))
    value += norm(theta, mu, np.sqrt(tau2)).sum() + scaled_inverse_chi2(sigma2, 0.1, 10).sum()
    # Scores of 20 students with the published mean and standard error, as any such scores would do.
    scores = np.random.default_rng(0).normal(size=(20, 8))
    scores = (scores - scores.mean(0)) / scores.std(0) * np.sqrt(20) * ERRORS + EFFECTS
    value += norm(scores, theta, np.sqrt(sigma2)).sum()
    return value + x[1] + x[10:].sum()


def german_credit(x):
    rows = tables.read_rows("german_credit.csv")
    columns = [np.ones(1000)]
    categorical = []
    for name in [name for name in rows[0] if name != "bad"]:
        texts = [row[name] for row in rows]
        if texts[0][0] == "A":
            levels = sorted(set(texts), key=lambda code: int(code.replace("A410", "A499")[1:]))
            categorical += [np.array([text == level for text in texts]) for level in levels[1:]]
        else:
            columns.append(stats.zscore(np.array(texts, float)))
    logits = np.column_stack(columns + categorical) @ x
    bad = np.array([int(row["bad"]) for row in rows])
    return norm(x).sum() + stats.bernoulli.logpmf(bad, 1 / (1 + np.exp(-logits))).sum()


def logistic_regression(x):
    table = tables.read_numbers("breast_cancer_wisconsin.csv")
    logits = x[0] + stats.zscore(table[:, 1:]) @ x[1:]
    return norm(x).sum() + stats.bernoulli.logpmf(table[:, 0], 1 / (1 + np.exp(-logits))).sum()


def item_response(x):
    ability, log_discrimination, difficulty = x[:400], x[400:460], x[460:]
    logits = np.exp(log_discrimination) * (ability[:, None] - difficulty)
    answers = simulate_answers()
    value = norm(ability).sum() + norm(log_discrimination, 0, 0.5).sum() + norm(difficulty).sum()
    return value + stats.bernoulli.logpmf(answers, 1 / (1 + np.exp(-logits))).sum()


def stochastic_volatility(x):
    mu, phi, sigma, z = x[0], np.tanh(x[1]), np.exp(x[2]), x[3:]
    h = [mu + sigma * z[0] / np.sqrt(1 - phi**2)]
    for innovation in z[1:]:
        h.append(mu + phi * (h[-1] - mu) + sigma * innovation)
    returns = simulate_returns()
    value = norm(returns, 0, np.exp(np.array(h) / 2)).sum() + norm(z).sum() + norm(mu, 0, 2)
    value += stats.beta.logpdf((phi + 1) / 2, 20, 1.5) + np.log(1 - phi**2)
    return value + halfnorm(sigma, 0, 0.5) + np.log(sigma)


def lotka_volterra(x):
    alpha, beta, gamma, delta = np.exp(x[:4])
    counts = tables.read_numbers("hudson_lynx_hare.csv")[:, 1:]
    solution = integrate.solve_ivp(
        lambda t, z: [(alpha - beta * z[1]) * z[0], (delta * z[0] - gamma) * z[1]],
        (0, 20), np.exp(x[4:6]), t_eval=np.arange(21), rtol=1e-11, atol=1e-11,
    ).y.T  # fmt: skip
    sigma = np.exp(x[6:])

    def lognormal(value, log_mean, sd):
        return stats.lognorm.logpdf(value, sd, scale=np.exp(log_mean))

    value = lognormal(counts, np.log(solution), sigma).sum()
    value += norm([alpha, gamma], 1, 0.5).sum() + norm([beta, delta], 0.05, 0.05).sum()
    value += lognormal(np.exp(x[4:6]), np.log(10), 1).sum() + lognormal(sigma, -1, 1).sum()
    return value + x.sum()


ORACLES = {
    "banana": banana,
    "correlated_gaussian": correlated_gaussian,
    "eight_schools": eight_schools,
    "eight_schools_gibbs": eight_schools_gibbs,
    "funnel": funnel,
    "gaussian_mixture": gaussian_mixture,
    "german_credit": german_credit,
    "item_response": item_response,
    "logistic_regression": logistic_regression,
    "lotka_volterra": lotka_volterra,
    "stochastic_volatility": stochastic_volatility,
    "two_well": two_well,
}
