"""Kernels, each with an independent step in NumPy. A kernel is one row here.

A step is `(logdensity_numpy, x, noise) -> (x', is_accepted, rate)`, for positions of 4 numbers and
noise as NumPy arrays.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

import pmcmc
from pmcmc.surrogates import Surrogate


def mala_loop(logdensity_numpy, x0, step_size, noise):
    """MALA as the textbook writes it, one step at a time: positions and decisions."""
    x = np.array(x0)
    positions, decisions, rates = [], [], []
    for normal, uniform in zip(np.asarray(noise.normal), np.asarray(noise.uniform), strict=True):
        value, grad = logdensity_numpy(x)
        proposal = x + step_size * grad + math.sqrt(2 * step_size) * normal
        new_value, new_grad = logdensity_numpy(proposal)

        def log_q(to, start, drift):
            return -np.sum((to - start - step_size * drift) ** 2) / (4 * step_size)

        log_ratio = new_value - value + log_q(x, proposal, new_grad) - log_q(proposal, x, grad)
        rates.append(math.exp(min(0.0, log_ratio)))
        decisions.append(math.log(uniform) < log_ratio)
        if decisions[-1]:
            x = proposal
        positions.append(x)
    return np.array(positions), np.array(decisions), np.array(rates)


def noise_of(kernel, key, chain, n_steps, dim):
    """The noise that `sample` documents: a function of key, chain and step."""
    chain_key = jax.random.fold_in(key, chain)
    step_keys = jax.vmap(lambda step: jax.random.fold_in(chain_key, step))(jnp.arange(n_steps))
    return jax.vmap(lambda step_key: kernel.draw_noise(step_key, jnp.zeros(dim)))(step_keys)


METRIC = np.array(
    [[1.2, 0.3, 0.0, -0.1], [0.3, 0.8, 0.2, 0.0], [0.0, 0.2, 0.5, 0.1], [-0.1, 0.0, 0.1, 1.0]]
)

SCALES = np.array([0.5, 1.5, 0.8, 1.2])


def as_matrix(inverse_mass_matrix):
    if inverse_mass_matrix is None:
        return np.eye(4)
    return np.diag(inverse_mass_matrix) if inverse_mass_matrix.ndim == 1 else inverse_mass_matrix


def decided(x, proposal, log_ratio, uniform):
    is_accepted = math.log(uniform) < log_ratio
    return (proposal if is_accepted else x), is_accepted, math.exp(min(0.0, log_ratio))


def langevin_numpy(kernel, density, x, noise):
    drift = kernel.step_size * as_matrix(kernel.inverse_mass_matrix) @ density(x)[1]
    return x + drift + math.sqrt(2 * kernel.step_size) * noise.normal, True, 1.0


def preconditioned_mala_numpy(kernel, density, x, noise):
    matrix = as_matrix(kernel.inverse_mass_matrix)
    precision = np.linalg.inv(matrix)
    proposal, _, _ = langevin_numpy(kernel, density, x, noise)

    def log_q(to, start):
        offset = to - start - kernel.step_size * matrix @ density(start)[1]
        return -offset @ precision @ offset / (4 * kernel.step_size)

    log_ratio = density(proposal)[0] - density(x)[0] + log_q(x, proposal) - log_q(proposal, x)
    return decided(x, proposal, log_ratio, noise.uniform)


def random_walk_kernel_numpy(kernel, density, x, noise):
    proposal = x + noise.move
    return decided(x, proposal, density(proposal)[0] - density(x)[0], noise.uniform)


def barker_numpy(kernel, density, x, noise):
    """The density of the proposal is `2 mu(z) / (1 + exp(-z * gradient))`, `mu` symmetric."""
    z = kernel.step_size * noise.normal
    gradient = density(x)[1]
    z = np.where(noise.sign < 1 / (1 + np.exp(-z * gradient)), z, -z)
    proposal = x + z
    forth = np.prod(1 / (1 + np.exp(-z * gradient)))
    back = np.prod(1 / (1 + np.exp(z * density(proposal)[1])))
    ratio = density(proposal)[0] - density(x)[0] + math.log(back / forth)
    return decided(x, proposal, ratio, noise.uniform)


def hmc_kernel_numpy(kernel, density, x, noise):
    matrix, step_size = as_matrix(kernel.inverse_mass_matrix), kernel.step_size
    spread = 1 + kernel.jitter * (2 * noise.jitter - 1)
    position, momentum = x, noise.momentum
    for _ in range(max(1, round(float(kernel.num_integration_steps * spread)))):
        momentum = momentum + step_size / 2 * density(position)[1]
        position = position + step_size * matrix @ momentum
        momentum = momentum + step_size / 2 * density(position)[1]
    before = density(x)[0] - noise.momentum @ matrix @ noise.momentum / 2
    after = density(position)[0] - momentum @ matrix @ momentum / 2
    return decided(x, position, after - before, noise.uniform)


class Quadratic(Surrogate):
    """A surrogate that is far off, and worse with other factors; of four numbers or any."""

    factor: float

    def __call__(self, x):
        return -0.5 * self.factor * jnp.sum(x**2)


def surrogate_hmc_numpy(kernel, density, x, noise):
    """Leapfrog steps of the surrogate, `-factor / 2 * |x|^2`, each of which moves `x` first."""
    matrix, slope = as_matrix(kernel.inverse_mass_matrix), -float(kernel.surrogate.factor)
    step_size = kernel.step_size * (1 + kernel.jitter * (2 * noise.jitter - 1))
    position, momentum = x, noise.momentum
    for _ in range(kernel.num_integration_steps):
        position = position + step_size / 2 * matrix @ momentum
        momentum = momentum + step_size * slope * position
        position = position + step_size / 2 * matrix @ momentum
    before, after = (p @ matrix @ p / 2 for p in (noise.momentum, momentum))
    ratio = density(position)[0] - density(x)[0] + before - after
    if noise.choice < kernel.random_walk_share:
        size = kernel.random_walk_step_size
        size = 2.38 / math.sqrt(len(x)) if size is None else size
        position = x + size * matrix @ noise.momentum  # its covariance was the mass matrix
        ratio = density(position)[0] - density(x)[0]
    return decided(x, position, ratio, noise.uniform)


def scaled(x, noise):
    """A proposal that is not symmetric: every coordinate times a log-normal factor."""
    return x * jnp.exp(0.3 * noise)


def scaled_log_ratio(x, proposal):
    return jnp.sum(jnp.log(jnp.abs(proposal)) - jnp.log(jnp.abs(x)))


def metropolis_hastings_numpy(kernel, density, x, noise):
    proposal = x * np.exp(0.3 * noise.proposal)
    # q(x|p) / q(p|x) of a log-normal distribution is |p| / |x|.
    ratio = density(proposal)[0] - density(x)[0] + np.sum(np.log(np.abs(proposal / x)))
    return decided(x, proposal, ratio, noise.uniform)


def two_block_gibbs(x, noise):
    """Gibbs scan of a normal with unit variances and correlation 0.6 of the halves."""
    first = 0.6 * x[2:] + 0.8 * noise[0]
    return jnp.concatenate([first, 0.6 * first + 0.8 * noise[1]])


def two_block_gibbs_numpy(kernel, density, x, noise):
    first = 0.6 * x[2:] + 0.8 * noise[0]
    return np.concatenate([first, 0.6 * first + 0.8 * noise[1]]), True, 1.0


def normal_like(key, x):
    return jax.random.normal(key, x.shape, x.dtype)


KERNELS = {
    "Langevin": (pmcmc.Langevin(0.05), langevin_numpy),
    "Langevin, dense": (pmcmc.Langevin(0.05, METRIC), langevin_numpy),
    "MALA, diagonal": (pmcmc.MALA(0.12, SCALES), preconditioned_mala_numpy),
    "MALA, dense": (pmcmc.MALA(0.12, METRIC), preconditioned_mala_numpy),
    "random walk": (pmcmc.RandomWalkMetropolis(0.3), random_walk_kernel_numpy),
    "random walk, diagonal": (pmcmc.RandomWalkMetropolis(0.3, SCALES), random_walk_kernel_numpy),
    "random walk, dense": (pmcmc.RandomWalkMetropolis(0.3, METRIC), random_walk_kernel_numpy),
    "random walk, Laplace": (
        pmcmc.RandomWalkMetropolis(0.2, draw=jax.random.laplace),
        random_walk_kernel_numpy,
    ),
    "Barker": (pmcmc.Barker(0.4), barker_numpy),
    "Barker, diagonal": (pmcmc.Barker(0.4, SCALES), barker_numpy),
    "HMC": (pmcmc.HMC(0.25, 4), hmc_kernel_numpy),
    "HMC, one step": (pmcmc.HMC(0.3, 1), hmc_kernel_numpy),
    "HMC, diagonal, jittered": (pmcmc.HMC(0.2, 4, SCALES, jitter=0.5), hmc_kernel_numpy),
    "HMC, dense": (pmcmc.HMC(0.25, 4, METRIC), hmc_kernel_numpy),
    "surrogate HMC": (
        pmcmc.SurrogateHMC(Quadratic(2.0), 0.05, 4, random_walk_step_size=0.15),
        surrogate_hmc_numpy,
    ),
    "surrogate HMC, dense": (
        pmcmc.SurrogateHMC(Quadratic(0.7), 0.08, 3, METRIC, 0.3, 0.3, 0.15),
        surrogate_hmc_numpy,
    ),
    "Metropolis-Hastings": (
        pmcmc.MetropolisHastings(scaled, normal_like, scaled_log_ratio),
        metropolis_hastings_numpy,
    ),
    "Gibbs": (
        pmcmc.CustomKernel(two_block_gibbs, lambda key, x: jax.random.normal(key, (2, 2), x.dtype)),
        two_block_gibbs_numpy,
    ),
}


def kernel_loop(step_numpy, kernel, density, x0, noise):
    """A plain Python loop over a kernel's NumPy step: positions, decisions and rates."""
    x, rows = np.array(x0), []
    for t in range(len(jax.tree.leaves(noise)[0])):
        row = jax.tree.map(lambda leaf: np.asarray(leaf[t]), noise)  # noqa: B023
        rows.append(step_numpy(kernel, density, x, row))
        x = rows[-1][0]
    return tuple(map(np.array, zip(*rows, strict=True)))
