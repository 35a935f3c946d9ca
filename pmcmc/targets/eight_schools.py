"""Effects of coaching in eight schools, in two models."""

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.targets.base import Target, Transition, make_once
from pmcmc.targets.tables import read_reference

_EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
_ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
_DATA = (
    "Rubin, D. (1981). Estimation in parallel randomized experiments. Journal of Educational "
    "Statistics, 6, 377-401, table 1 (published figures)"
)


@make_once
def eight_schools() -> Target:
    """The non-centered hierarchical model of eight effects with known standard errors.

    A position holds the 8 standardized effects `(theta - mu) / tau`, then `mu` and `log tau`. The
    effects are standard normal, `mu` is normal with standard deviation 5 and `tau` half-Cauchy with
    scale 5.
    """

    def constrain(position: jax.Array) -> dict[str, jax.Array]:
        mu, tau = position[8], jnp.exp(position[9])
        return {"theta": mu + tau * position[:8], "mu": mu, "tau": tau}

    def logdensity(position: jax.Array) -> jax.Array:
        dtype = position.dtype
        of = constrain(position)
        offsets = (jnp.asarray(_EFFECTS, dtype) - of["theta"]) / jnp.asarray(_ERRORS, dtype)
        squares = jnp.sum(offsets**2) + jnp.sum(position[:8] ** 2) + (of["mu"] / 5) ** 2
        # The last term is the Jacobian of log tau.
        return -0.5 * squares - jnp.log1p((of["tau"] / 5) ** 2) + position[9]

    return Target(
        name="eight schools",
        logdensity=logdensity,
        dim=10,
        initial_position=np.zeros(10),
        reference=read_reference(
            "eight_schools_reference.csv",
            "posteriordb (Magnusson et al., 2022), eight_schools-eight_schools_noncentered: 10,000 "
            "gold-standard draws of Stan; BSD-3-Clause",
        ),
        citation=_DATA,
        constrain=constrain,
    )


_STUDENTS = 20
# Strengths and scales of the priors.
_MU_STRENGTH, _TAU_DF, _TAU_SCALE2, _SIGMA_DF, _SIGMA_SCALE2 = 0.1, 0.1, 100.0, 0.1, 10.0
_SQUARES = _STUDENTS**2 * _ERRORS**2  # of the students of a school, about their mean


@make_once
def eight_schools_gibbs() -> Target:
    """A conjugate model with a variance for each school, and its Gibbs scan.

    Each school has 20 students, whose scores have the published effect as their mean and sqrt(20)
    times the published standard error as their (population) standard deviation. Scores of school
    `s` are normal with mean `theta[s]` and variance `sigma2[s]`; `theta` are normal with mean `mu`
    and variance `tau2`; `mu` is normal with mean 0 and variance `tau2 / 0.1`; `tau2` and `sigma2`
    are scaled inverse chi-squared with 0.1 degrees of freedom and scales 100 and 10. Only the means
    and sums of squares of the scores matter.

    A position holds `mu`, `log tau2`, the 8 `theta` and the 8 `log sigma2`.
    """

    def logdensity(position: jax.Array) -> jax.Array:
        mu, log_tau2, theta, log_sigma2 = _split(position)
        # Degrees of freedom times the logarithm, and sums over the variance: prior and likelihood
        # of a variance are of one form, and the Jacobian of its logarithm cancels one power.
        between = _TAU_DF * _TAU_SCALE2 + _squares_between(mu, theta)
        within = _SIGMA_DF * _SIGMA_SCALE2 + _squares_within(theta)
        of_tau2 = (_TAU_DF + 9) * log_tau2 + between * jnp.exp(-log_tau2)
        of_sigma2 = (_SIGMA_DF + _STUDENTS) * log_sigma2 + within * jnp.exp(-log_sigma2)
        return -0.5 * (of_tau2 + jnp.sum(of_sigma2))

    def constrain(position: jax.Array) -> dict[str, jax.Array]:
        mu, log_tau2, theta, log_sigma2 = _split(position)
        return {
            "mu": mu,
            "tau": jnp.exp(log_tau2 / 2),
            "theta": theta,
            "sigma": jnp.exp(log_sigma2 / 2),
        }

    def step(position: jax.Array, noise: dict[str, jax.Array]) -> jax.Array:
        mu, _, theta, log_sigma2 = _split(position)
        between = _TAU_DF * _TAU_SCALE2 + _squares_between(mu, theta)
        log_tau2 = jnp.log(between / 2) - noise["log_gamma_tau"]
        tau2 = jnp.exp(log_tau2)
        strength = _MU_STRENGTH + 8
        mu = jnp.sum(theta) / strength + jnp.sqrt(tau2 / strength) * noise["mu"]
        precision = _STUDENTS * jnp.exp(-log_sigma2)
        variance = 1 / (precision + 1 / tau2)
        effects = jnp.asarray(_EFFECTS, position.dtype)
        mean = variance * (precision * effects + mu / tau2)
        theta = mean + jnp.sqrt(variance) * noise["theta"]
        within = _SIGMA_DF * _SIGMA_SCALE2 + _squares_within(theta)
        log_sigma2 = jnp.log(within / 2) - noise["log_gamma_sigma"]
        return jnp.concatenate([mu[None], log_tau2[None], theta, log_sigma2])

    return Target(
        name="eight schools, Gibbs",
        logdensity=logdensity,
        dim=18,
        initial_position=np.concatenate(
            [[7.0, np.log(100.0)], _EFFECTS, np.log(_STUDENTS * _ERRORS**2)]
        ),
        reference=read_reference(
            "eight_schools_gibbs_reference.csv",
            "NumPyro 0.22.0 NUTS in float64 (JAX 0.10.2): 4 chains of 25,000 "
            "draws after 1,000 warm-up steps each; largest R-hat 1.0009, smallest bulk ESS 5,444",
        ),
        citation=f"{_DATA}; model with a variance for each school and prior constants as in "
        "Zoltowski, D., et al. (2025). Parallelizing MCMC across the sequence length. "
        "arXiv:2508.18413",
        constrain=constrain,
        gibbs=Transition(step, _draw_gibbs_noise),
    )


def _split(position: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    return position[0], position[1], position[2:10], position[10:]


def _squares_within(theta: jax.Array) -> jax.Array:
    dtype = theta.dtype
    offsets = jnp.asarray(_EFFECTS, dtype) - theta
    return jnp.asarray(_SQUARES, dtype) + _STUDENTS * offsets**2


def _squares_between(mu: jax.Array, theta: jax.Array) -> jax.Array:
    return jnp.sum((theta - mu) ** 2) + _MU_STRENGTH * mu**2


def _draw_gibbs_noise(rng_key: jax.Array, position: jax.Array) -> dict[str, jax.Array]:
    keys = jax.random.split(rng_key, 4)
    dtype = position.dtype
    return {
        "log_gamma_tau": jax.random.loggamma(keys[0], (_TAU_DF + 9) / 2, (), dtype),
        "mu": jax.random.normal(keys[1], (), dtype),
        "theta": jax.random.normal(keys[2], (8,), dtype),
        "log_gamma_sigma": jax.random.loggamma(keys[3], (_SIGMA_DF + _STUDENTS) / 2, (8,), dtype),
    }
