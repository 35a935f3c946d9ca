"""Oracles and tables that the tests share. A solver, kernel or recursion is one row here."""

import math

import jax
import jax.numpy as jnp
import numpy as np

import pmcmc

# --- log densities, each as a JAX function and as an independent NumPy one with its gradient.


def gaussian(x):
    """Independent normals with standard deviations 1, 1/2, 1/3, ..."""
    return -0.5 * jnp.sum((x * jnp.arange(1, x.shape[-1] + 1)) ** 2)


def gaussian_numpy(x):
    precision = np.arange(1, len(x) + 1) ** 2
    return -0.5 * np.sum(precision * x**2), -precision * x


def double_well(x):
    """Two modes in the first coordinate, coupled to the others."""
    return -((x[0] ** 2 - 1) ** 2) / 4 - 0.5 * jnp.sum((x[1:] - 0.5 * x[0]) ** 2)


def double_well_numpy(x):
    rest = x[1:] - 0.5 * x[0]
    value = -((x[0] ** 2 - 1) ** 2) / 4 - 0.5 * np.sum(rest**2)
    first = -x[0] * (x[0] ** 2 - 1) + 0.5 * np.sum(rest)
    return value, np.concatenate([[first], -rest])


DENSITIES = {
    "gaussian": (gaussian, gaussian_numpy),
    "double well": (double_well, double_well_numpy),
}


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


# --- solvers

SOLVERS = {
    "sequential": pmcmc.Sequential(),
    "quasi": pmcmc.ParallelNewton(),
    "quasi, window 10": pmcmc.ParallelNewton(basis=None, window=10),
    "quasi, window 7, starved": pmcmc.ParallelNewton(basis=None, window=7, max_sweeps=1),
    "quasi, window 16, short of sweeps": pmcmc.ParallelNewton(basis=None, window=16, max_sweeps=3),
}

# --- recursions, each as a JAX step and as an independent NumPy one; states of shape (3,)

_MIX = np.array([[0.5, -0.3, 0.2], [0.1, 0.6, -0.4], [-0.2, 0.3, 0.4]])


def metropolis(s, u):
    proposal = s + u
    return jnp.where(jnp.sum(jnp.cos(7 * s)) < jnp.sum(jnp.cos(5 * proposal)), proposal, s)


def metropolis_numpy(s, u):
    proposal = s + u
    return proposal if np.sum(np.cos(7 * s)) < np.sum(np.cos(5 * proposal)) else s


RECURSIONS = {
    "linear": (lambda s, u: 0.9 * s + u, lambda s, u: 0.9 * s + u),
    "tanh network": (lambda s, u: jnp.tanh(_MIX @ s + u), lambda s, u: np.tanh(_MIX @ s + u)),
    "hard decisions": (metropolis, metropolis_numpy),
}

# Errors double every step, so that a sweep finishes few steps and loops in other arithmetic differ.
CHAOTIC = (
    lambda s, u: jnp.mod(2 * s + 0.1 * u, 1.0),
    lambda s, u: np.mod(2 * s + 0.1 * u, 1.0),
)


def loop(step_numpy, s0, inputs):
    """The plain Python loop."""
    states, s = [], np.array(s0)
    for u in inputs:
        s = step_numpy(s, u)
        states.append(s)
    return np.array(states)
