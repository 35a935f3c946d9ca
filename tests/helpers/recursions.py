"""Recursions, each as a JAX step and as an independent NumPy one.

States have shape `(4,)`, inputs are four normal numbers and a uniform one.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

import pmcmc

from .densities import logistic, logistic_numpy
from .kernels import mala_loop

_MIX = np.array(
    [[0.5, -0.3, 0.2, 0.1], [0.1, 0.6, -0.4, 0.0], [-0.2, 0.3, 0.4, 0.2], [0.1, 0.0, -0.3, 0.5]]
)

_DECAY = np.array([0.9, 0.5, -0.7, 0.99])

_MEANS, _VARIANCES = np.array([[-1.4, 0.0], [1.6, 0.0]]), np.array([[0.45, 0.45], [0.54, 0.45]])

_WEIGHTS = np.array([0.49, 0.51]) / np.sqrt(np.prod(_VARIANCES, axis=1))


def two_well_langevin(x, noise, step_size=0.01):
    """Langevin step for a mixture of two normals in the plane (Gonzalez, 2026).

    The gradient is written out: the Jacobian of `jax.grad` of a log-sum-exp loses its digits far
    out, where Newton's iterates pass.
    """
    offsets = x[None] - jnp.asarray(_MEANS)
    squares = jnp.sum(offsets**2 / jnp.asarray(_VARIANCES), axis=1)
    shares = jax.nn.softmax(jnp.asarray(np.log(_WEIGHTS)) - 0.5 * squares)
    grad = -jnp.sum(shares[:, None] * offsets / jnp.asarray(_VARIANCES), axis=0)
    return x + step_size * grad + math.sqrt(2 * step_size) * noise


def two_well_langevin_numpy(x, noise, step_size=0.01):
    offsets = x - _MEANS
    densities = _WEIGHTS * np.exp(-0.5 * np.sum(offsets**2 / _VARIANCES, axis=1))
    grad = -np.sum(densities[:, None] * offsets / _VARIANCES, axis=0) / densities.sum()
    return x + step_size * grad + math.sqrt(2 * step_size) * noise


def two_chains(step):
    """Two chains in the plane side by side, as one of four numbers."""
    return lambda s, u: jnp.concatenate(
        [step(s[:2], u["normal"][:2]), step(s[2:], u["normal"][2:])]
    )


def mala(s, u):
    kernel = pmcmc.MALA(step_size=0.08)
    noise = pmcmc.kernels.MALANoise(u["normal"], u["uniform"])
    return kernel.transition(logistic, kernel.init(logistic, s), noise)[0].position


def mala_numpy(s, u):
    noise = pmcmc.kernels.MALANoise([u["normal"]], [u["uniform"]])
    return mala_loop(logistic_numpy, s, 0.08, noise)[0][0]


def random_walk(s, u):
    proposal = s + 0.5 * u["normal"]
    is_accepted = jnp.log(u["uniform"]) < logistic(proposal) - logistic(s)
    return jnp.where(is_accepted, proposal, s)


def random_walk_numpy(s, u):
    proposal = s + 0.5 * u["normal"]
    ratio = logistic_numpy(proposal)[0] - logistic_numpy(s)[0]
    return proposal if np.log(u["uniform"]) < ratio else s


def hmc(s, u, step_size=0.3, n_leapfrog=3):
    gradient = jax.grad(logistic)
    position, momentum = s, u["normal"] + 0.5 * step_size * gradient(s)
    for i in range(n_leapfrog):
        position = position + step_size * momentum
        size = step_size if i < n_leapfrog - 1 else 0.5 * step_size
        momentum = momentum + size * gradient(position)
    before = logistic(s) - 0.5 * jnp.sum(u["normal"] ** 2)
    after = logistic(position) - 0.5 * jnp.sum(momentum**2)
    return jnp.where(jnp.log(u["uniform"]) < after - before, position, s)


def hmc_numpy(s, u, step_size=0.3, n_leapfrog=3):
    position, momentum = s, u["normal"]
    for _ in range(n_leapfrog):
        momentum = momentum + 0.5 * step_size * logistic_numpy(position)[1]
        position = position + step_size * momentum
        momentum = momentum + 0.5 * step_size * logistic_numpy(position)[1]
    before = logistic_numpy(s)[0] - 0.5 * np.sum(u["normal"] ** 2)
    after = logistic_numpy(position)[0] - 0.5 * np.sum(momentum**2)
    return position if np.log(u["uniform"]) < after - before else s


RECURSIONS = {
    "linear": (
        lambda s, u: jnp.asarray(_DECAY) * s + u["normal"],
        lambda s, u: _DECAY * s + u["normal"],
    ),
    "tanh network": (
        lambda s, u: jnp.tanh(jnp.asarray(_MIX) @ s + u["normal"]),
        lambda s, u: np.tanh(_MIX @ s + u["normal"]),
    ),
    "two-well Langevin": (
        two_chains(two_well_langevin),
        lambda s, u: np.concatenate(
            [
                two_well_langevin_numpy(s[:2], u["normal"][:2]),
                two_well_langevin_numpy(s[2:], u["normal"][2:]),
            ]
        ),
    ),
    "MALA": (mala, mala_numpy),
    "random walk": (random_walk, random_walk_numpy),
    "HMC": (hmc, hmc_numpy),
}


def draw(seed, n_steps):
    """Inputs of the recursions."""
    rng = np.random.default_rng(seed)
    return {"normal": rng.normal(size=(n_steps, 4)), "uniform": rng.uniform(size=n_steps)}


# Errors double every step, so that a sweep finishes few steps and loops in other arithmetic differ.
CHAOTIC = (
    lambda s, u: jnp.mod(2 * s + 0.1 * u, 1.0),
    lambda s, u: np.mod(2 * s + 0.1 * u, 1.0),
)


def loop(step_numpy, s0, inputs):
    """The plain Python loop."""
    states, s = [], np.array(s0)
    for t in range(len(jax.tree.leaves(inputs)[0])):
        s = step_numpy(s, jax.tree.map(lambda u: u[t], inputs))  # noqa: B023
        states.append(s)
    return np.array(states)
