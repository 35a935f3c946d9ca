"""One transition from exact draws of a target leaves them draws of it: no chain is trusted.

Of `N` draws, the empirical distribution function of each of three projections is compared with the
exact one. By the Dvoretzky-Kiefer-Wolfowitz inequality with Massart's constant (1990),
`P(sup |F_N - F| > t) <= 2 exp(-2 N t^2)`, a valid kernel fails with a probability of at most 1e-6,
and a kernel after which some projection's distribution function is off by `DETECTED` anywhere
passes with a probability of at most 1e-6.
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import pmcmc

from ..helpers.kernels import METRIC, normal_like, scaled, scaled_log_ratio

N = 50_000
PROJECTIONS = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
THRESHOLD = math.sqrt(math.log(2 * len(PROJECTIONS) / 1e-6) / (2 * N))  # 0.0125
DETECTED = THRESHOLD + math.sqrt(math.log(2 / 1e-6) / (2 * N))  # 0.0246

# Two wells of different widths.
MEANS = np.array([[-1.2, 0.3], [1.3, -0.2]])
SDS = np.array([[0.5, 0.8], [0.7, 0.4]])
WEIGHTS = np.array([0.4, 0.6])
C2 = METRIC[:2, :2]
SCALES = np.array([0.5, 1.5])


def two_wells(x):
    squares = jnp.sum(((x[None] - MEANS) / SDS) ** 2, axis=1)
    return jax.nn.logsumexp(jnp.log(WEIGHTS / np.prod(SDS, axis=1)) - 0.5 * squares)


def exact_draws(rng):
    well = (rng.uniform(size=N) > WEIGHTS[0]).astype(int)
    return MEANS[well] + SDS[well] * rng.normal(size=(N, 2))


def distances(draws):
    """Largest difference of empirical and exact distribution function, per projection."""
    result = []
    for direction in PROJECTIONS:
        sorted_draws = np.sort(draws @ direction)
        exact = sum(
            weight * stats.norm.cdf(sorted_draws, mean @ direction, np.linalg.norm(sd * direction))
            for weight, mean, sd in zip(WEIGHTS, MEANS, SDS, strict=True)
        )
        above, below = np.arange(1, N + 1) / N - exact, exact - np.arange(N) / N
        result.append(max(above.max(), below.max()))
    return np.array(result)


def one_transition(kernel, start, alter=lambda noise: noise):
    @jax.jit
    def step(x, key):
        noise = alter(kernel.draw_noise(key, x))
        state, info = kernel.transition(two_wells, kernel.init(two_wells, x), noise)
        return state.position, info.acceptance_rate

    keys = jax.random.split(jax.random.key(7), N)
    positions, rates = jax.vmap(step)(jnp.asarray(start), keys)
    return np.asarray(positions), np.asarray(rates)


def smoother(x):
    """About the target: a good surrogate, and not the target."""
    return 0.9 * two_wells(x) - 0.02 * jnp.sum(x**4)


def elsewhere(x):
    """A bad surrogate: one well, far from either of the two."""
    return -0.5 * jnp.sum((x - jnp.array([0.0, 1.5])) ** 2)


CASES = {
    "MALA": pmcmc.MALA(0.35),
    "MALA, diagonal": pmcmc.MALA(0.3, SCALES),
    "MALA, dense": pmcmc.MALA(0.3, C2),
    "HMC": pmcmc.HMC(0.7, 3),
    "HMC, diagonal": pmcmc.HMC(0.7, 3, SCALES),
    "HMC, dense, jittered": pmcmc.HMC(0.7, 3, C2, jitter=0.7),
    "random walk": pmcmc.RandomWalkMetropolis(1.0),
    "random walk, diagonal": pmcmc.RandomWalkMetropolis(1.0, SCALES),
    "random walk, dense": pmcmc.RandomWalkMetropolis(1.0, C2),
    "random walk, Cauchy": pmcmc.RandomWalkMetropolis(0.5, draw=jax.random.cauchy),
    "Barker": pmcmc.Barker(1.0),
    "Barker, diagonal": pmcmc.Barker(1.0, SCALES),
    "surrogate HMC": pmcmc.SurrogateHMC(smoother, 0.4, 3),
    "surrogate HMC, dense": pmcmc.SurrogateHMC(smoother, 0.5, 3, C2, random_walk_share=0.4),
    "surrogate HMC, bad": pmcmc.SurrogateHMC(elsewhere, 0.3, 2, SCALES),
    "Metropolis-Hastings": pmcmc.MetropolisHastings(scaled, normal_like, scaled_log_ratio),
}


def test_the_draws_to_start_from_pass_and_shifted_ones_do_not():
    start = exact_draws(np.random.default_rng(0))
    assert distances(start).max() < THRESHOLD
    # In distribution the shift moves the second projection by about what is promised to be seen.
    assert distances(start + np.array([0.0, 0.05])).max() > THRESHOLD
    assert pytest.approx(0.0246, abs=1e-4) == DETECTED


@pytest.mark.parametrize("name", CASES)
def test_a_transition_leaves_the_target_alone(name):
    start = exact_draws(np.random.default_rng(0))
    end, rates = one_transition(CASES[name], start)
    assert distances(end).max() < THRESHOLD
    # It moves, and it rejects: where nothing happens nothing is tested.
    assert 0.3 < rates.mean() < 0.95
    assert np.mean(np.linalg.norm(end - start, axis=1) > 0.1) > 0.3


def always(noise):
    return noise._replace(uniform=jnp.full_like(noise.uniform, 1e-300))


@dataclasses.dataclass(frozen=True)
class NoRatio(pmcmc.MALA):
    def log_proposal_ratio(self, state, proposal, noise):
        return 0.0


@dataclasses.dataclass(frozen=True)
class WrongSign(pmcmc.Barker):
    def log_proposal_ratio(self, state, proposal, noise):
        return -super().log_proposal_ratio(state, proposal, noise)


@dataclasses.dataclass(frozen=True)
class WrongMetric(pmcmc.MALA):
    def draw_noise(self, rng_key, position):
        return pmcmc.MALA(self.step_size).draw_noise(rng_key, position)


@dataclasses.dataclass(frozen=True)
class WrongMass(pmcmc.HMC):
    def draw_noise(self, rng_key, position):
        noise = super().draw_noise(rng_key, position)
        return noise._replace(momentum=self.inverse_mass_matrix @ noise.momentum)


@dataclasses.dataclass(frozen=True)
class Gullible(pmcmc.SurrogateHMC):
    """Believes the surrogate about the proposal."""

    def _decide(self, state, proposal, kinetic, noise):
        proposal = proposal._replace(logdensity=self.surrogate(proposal.position))
        return super()._decide(state, proposal, kinetic, noise)


@dataclasses.dataclass(frozen=True)
class WithoutKineticEnergy(pmcmc.SurrogateHMC):
    def _decide(self, state, proposal, kinetic, noise):
        return super()._decide(state, proposal, 0.0, noise)


BROKEN = {
    "MALA without the ratio of its proposals": NoRatio(0.35),
    "Barker with the ratio upside down": WrongSign(1.0),
    "MALA with noise of another metric": WrongMetric(0.3, np.array([[2.0, 0.9], [0.9, 0.6]])),
    "HMC with the covariance for the mass": WrongMass(0.7, 3, C2),
    "surrogate HMC with the surrogate's value": Gullible(elsewhere, 0.3, 2, SCALES),
    "surrogate HMC without kinetic energy": WithoutKineticEnergy(smoother, 0.6, 3),
    "Metropolis-Hastings without the ratio": pmcmc.MetropolisHastings(scaled, normal_like),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_acceptance_ratio_is_found(name):
    end, _ = one_transition(BROKEN[name], exact_draws(np.random.default_rng(0)))
    assert distances(end).max() > THRESHOLD


@pytest.mark.parametrize("name", CASES)
def test_a_kernel_that_accepts_everything_is_found(name):
    end, _ = one_transition(CASES[name], exact_draws(np.random.default_rng(0)), always)
    assert distances(end).max() > THRESHOLD


@pytest.mark.parametrize("inverse_mass_matrix", [None, SCALES, C2])
def test_unadjusted_langevin_has_its_own_biased_distribution(inverse_mass_matrix):
    """For a normal target it is normal, its covariance the fixed point of `A S A' + N`."""
    precision = np.linalg.inv(np.array([[1.0, 0.5], [0.5, 0.8]]))
    step_size = 0.3
    metric = np.eye(2) if inverse_mass_matrix is None else inverse_mass_matrix
    metric = np.diag(metric) if metric.ndim == 1 else metric
    decay = np.eye(2) - step_size * metric @ precision
    noise = 2 * step_size * metric
    stationary = np.linalg.solve(np.eye(4) - np.kron(decay, decay), noise.ravel()).reshape(2, 2)
    # The bias is large enough to be seen: draws of the target would not pass.
    assert np.diag(stationary @ precision).max() > 1.1

    kernel = pmcmc.Langevin(step_size, inverse_mass_matrix)
    start = np.random.default_rng(1).normal(size=(N, 2)) @ np.linalg.cholesky(stationary).T

    def density(x):
        return -0.5 * x @ jnp.asarray(precision) @ x

    def step(x, key):
        return kernel.transition(density, kernel.init(density, x), kernel.draw_noise(key, x))[0]

    end = jax.vmap(step)(jnp.asarray(start), jax.random.split(jax.random.key(2), N)).position
    for direction in PROJECTIONS:
        sd = math.sqrt(direction @ stationary @ direction)
        assert (
            stats.kstest(np.asarray(end) @ direction, stats.norm(0, sd).cdf).statistic < THRESHOLD
        )
    assert np.linalg.norm(np.asarray(end) - start, axis=1).mean() > 0.5
