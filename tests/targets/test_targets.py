"""Every target: its log density against the textbook's, its reference, and what it ships with."""

import concurrent.futures
import copy
import functools
import inspect
import multiprocessing
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

import pmcmc
from pmcmc.targets import tables
from pmcmc.targets.item_response import simulate_answers
from pmcmc.targets.stochastic_volatility import simulate_returns

TARGETS = sorted(name for name, value in vars(pmcmc.targets).items() if inspect.isroutine(value))
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


def test_every_target_has_an_oracle():
    assert list(ORACLES) == TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_density_is_the_textbook_one_up_to_a_constant(name):
    target = getattr(pmcmc.targets, name)()
    rng = np.random.default_rng(4)
    points = target.initial_position + 0.2 * rng.normal(size=(4, target.dim))
    ours = np.array([target.logdensity(jnp.asarray(x)) for x in points])
    textbook = np.array([ORACLES[name](x) for x in points])
    # Runge-Kutta steps of a tenth of a year are off by some 1e-5 here.
    tolerance = 1e-2 if name == "lotka_volterra" else 1e-8
    np.testing.assert_allclose(np.diff(ours), np.diff(textbook), rtol=0, atol=tolerance)
    assert np.ptp(textbook) > 0.1


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_mixes_no_dtypes(name):
    target = getattr(pmcmc.targets, name)()
    functions = [jax.value_and_grad(target.logdensity), target.constrain]
    with jax.numpy_dtype_promotion("strict"):
        for dtype in map(np.dtype, (np.float32, np.float64)):
            position = jax.ShapeDtypeStruct((target.dim,), dtype)
            for function in functions:
                leaves = jax.tree.leaves(jax.eval_shape(function, position))
                assert {leaf.dtype for leaf in leaves} == {dtype}
            if target.draw is not None:
                jax.eval_shape(target.draw, jax.random.key(0))
            if target.gibbs is not None:
                noise = jax.eval_shape(target.gibbs.noise, jax.random.key(0), position)
                assert jax.eval_shape(target.gibbs.step, position, noise).dtype == dtype


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_has_all_a_user_needs(name):
    target = getattr(pmcmc.targets, name)()
    assert getattr(pmcmc.targets, name)() is target
    start = jnp.asarray(target.initial_position)
    assert start.shape == (target.dim,)
    value, gradient = jax.value_and_grad(target.logdensity)(start)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert target.logdensity(start.astype(jnp.float32)).dtype == jnp.float32
    assert target.citation
    assert (target.draw is not None) == (name in WITH_DRAWS)
    reference = target.reference
    assert not reference.origin.startswith("ORIGIN")
    layout = jax.tree.map(jnp.shape, jax.eval_shape(target.constrain, start))
    for field in (reference.mean, reference.sd, reference.mcse_mean):
        assert jax.tree.map(jnp.shape, field) == layout
    for sd, mcse in zip(*map(jax.tree.leaves, (reference.sd, reference.mcse_mean)), strict=True):
        assert np.all(mcse < 0.05 * sd)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_survives_pickling_and_copying(name):
    target = getattr(pmcmc.targets, name)()
    start = jnp.asarray(target.initial_position)
    for again in (pickle.loads(pickle.dumps(target)), copy.deepcopy(target)):
        for field in ("logdensity", "constrain", "draw", "gibbs"):
            assert getattr(again, field) == getattr(target, field)
        assert again.logdensity(start) == target.logdensity(start)
        np.testing.assert_array_equal(again.initial_position, target.initial_position)
    assert len(pickle.dumps(target.logdensity)) < 300  # no data, just where to find it
    assert repr(target.logdensity) == f"{name}().logdensity"


def test_arguments_of_a_target_are_pickled_with_it():
    for target in (pmcmc.targets.funnel(4), pmcmc.targets.correlated_gaussian(dim=3)):
        assert pickle.loads(pickle.dumps(target.logdensity)) is target.logdensity
        assert pickle.loads(pickle.dumps(target)).dim == target.dim


def test_a_process_pool_evaluates_the_log_densities():
    targets = [getattr(pmcmc.targets, name)() for name in TARGETS]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        for target in targets:
            x = target.initial_position.astype(np.float32)
            there = pool.submit(target.logdensity, x).result(timeout=120)
            assert float(there) == pytest.approx(float(target.logdensity(x)), rel=1e-5)


WITH_DRAWS = ["banana", "correlated_gaussian", "funnel", "gaussian_mixture", "two_well"]


@pytest.mark.parametrize("name", WITH_DRAWS)
def test_exact_draws_have_the_moments_and_the_density(name):
    target = getattr(pmcmc.targets, name)()
    n = 40_000
    draws = jax.vmap(target.draw)(jax.random.split(jax.random.key(1), n))
    values = jax.vmap(target.constrain)(draws)
    for x, mean, sd in zip(
        *map(jax.tree.leaves, (values, target.reference.mean, target.reference.sd)), strict=True
    ):
        assert np.all(np.abs(x.mean(axis=0) - mean) < 5 * sd / np.sqrt(n))
        np.testing.assert_allclose(x.std(axis=0), sd, rtol=0.05)
    # Stein's identity, E[x . grad log p] = -dim, holds for the density of the draws only.
    stein = jax.vmap(lambda x: jnp.vdot(x, jax.grad(target.logdensity)(x)))(draws)
    assert abs(stein.mean() + target.dim) < 5 * stein.std() / np.sqrt(n)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pmcmc.targets.correlated_gaussian(dim=1), "dim must be at least 2, got 1"),
        (lambda: pmcmc.targets.correlated_gaussian(correlation=1.0), "between -1 and 1, got 1.0"),
        (lambda: pmcmc.targets.funnel(dim=1), "dim must be at least 2, got 1"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_gradient_of_the_hares_and_lynxes_is_that_of_differences():
    target = pmcmc.targets.lotka_volterra()
    x = jnp.asarray(target.initial_position) + 0.1
    differences = [
        (target.logdensity(x + h) - target.logdensity(x - h)) / 2e-6 for h in 1e-6 * np.eye(8)
    ]
    np.testing.assert_allclose(jax.grad(target.logdensity)(x), np.array(differences), rtol=1e-5)
