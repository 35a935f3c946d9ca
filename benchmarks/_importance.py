"""Moments by importance sampling, for slow densities whose narrow directions are curved."""

import arviz
import jax
import numpy as np
from scipy import stats

import pmcmc

ROUNDS, DF, BATCH = (10_000, 20_000, 20_000, 50_000), 9, 500
N_WIDE = 5  # number of wide directions, along which the narrow ones bend
N_CUT = 20  # number of largest weights that are cut to the smallest of them to fit a proposal

Moments = dict[str, list[np.ndarray]]  # mean, sd, mcse_mean


def importance_moments(
    target: pmcmc.targets.Target, mode: np.ndarray, covariance: np.ndarray
) -> tuple[Moments, str]:
    """Moments of the output of `target.constrain`, and how they were computed.

    Proposals are multivariate t along the principal axes of the covariance at the mode. Quadratic
    functions of the wide coordinates shift the narrow ones, which preserves volume. Distribution
    and functions are fitted to the weighted draws of the previous round.
    """
    variances, axes = np.linalg.eigh(covariance)
    axes, spread, center = axes[:, ::-1], np.diag(variances[::-1]), np.zeros(target.dim)
    bend = np.zeros((quadratics(center[None]).shape[1], target.dim - N_WIDE))
    logdensity = jax.jit(jax.vmap(target.logdensity))
    rng = np.random.default_rng(1)
    for n_draws in ROUNDS:
        law = stats.multivariate_t(center, spread * (DF - 2) / DF, DF, seed=rng)
        straight = law.rvs(n_draws)
        bent = straight.copy()
        bent[:, N_WIDE:] += quadratics(straight) @ bend
        x = mode + bent @ axes.T
        values = [logdensity(rows) for rows in np.split(x, n_draws // BATCH)]
        log_weights = np.concatenate(values) - law.logpdf(straight)
        weights = np.exp(log_weights - np.max(log_weights))
        cut = np.minimum(weights, np.sort(weights)[-N_CUT])
        features, root = quadratics(bent), np.sqrt(cut)[:, None]
        bend, *_ = np.linalg.lstsq(root * features, root * bent[:, N_WIDE:])
        bent[:, N_WIDE:] -= features @ bend
        center, spread = np.average(bent, axis=0, weights=cut), np.cov(bent.T, aweights=cut)
    weights /= weights.sum()
    _, pareto_k = arviz.psislw(log_weights)
    draws = jax.vmap(target.constrain)(x)
    return {key: weighted_moments(np.asarray(v), weights) for key, v in draws.items()}, (
        f"importance sampling in float64 (JAX {jax.__version__}) with {n_draws:,} draws of a "
        f"multivariate t on bent axes: effective sample size {1 / np.sum(weights**2):,.0f}, "
        f"Pareto k {float(pareto_k):.2f}"
    )


def quadratics(x: np.ndarray) -> np.ndarray:
    """The constant 1, the wide coordinates and their products, shape `(draw, feature)`."""
    wide = x[:, :N_WIDE]
    i, j = np.triu_indices(N_WIDE)
    return np.concatenate([np.ones((len(x), 1)), wide, wide[:, i] * wide[:, j]], axis=1)


def weighted_moments(draws: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """Mean, standard deviation and standard error of the mean, with self-normalized weights."""
    mean = np.tensordot(weights, draws, 1)
    squares = (draws - mean) ** 2
    return [mean, *(np.sqrt(np.tensordot(w, squares, 1)) for w in (weights, weights**2))]
