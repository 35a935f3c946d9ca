"""Cases of benchmarks, by names that other processes can look up."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.ode import odeint

import pmcmc


@functools.cache  # one function, as for the targets: what is compiled for it is found again
def oscillator() -> Callable[[jax.Array], jax.Array]:
    """A damped oscillator observed 20 times; an adaptive ODE solver with its own derivative."""
    times = jnp.linspace(0.0, 10.0, 21)
    seen = np.exp(-0.1 * times) * np.cos(2 * times) + 0.1 * np.sin(37 * times)

    def logdensity(position: jax.Array) -> jax.Array:
        def derivative(state: jax.Array, _: jax.Array, rates: jax.Array) -> jax.Array:
            return jnp.stack([state[1], -rates[0] * state[0] - rates[1] * state[1]])

        path = odeint(derivative, jnp.array([1.0, 0.0]), times, jnp.exp(position), rtol=1e-6)
        likelihood = -0.5 * jnp.sum(((path[1:, 0] - seen[1:]) / 0.2) ** 2)
        return likelihood - 0.5 * jnp.sum((position - np.log([4.0, 0.2])) ** 2)

    return logdensity


class Case(NamedTuple):
    """Chains to run.

    Args:
        name: of a target, or `"oscillator"`.
        kernel: one of our kernels, with step size and metric.
        start: positions, shape `(chain, D)`.
        n: number of steps of each chain.
    """

    name: str
    kernel: Any
    start: np.ndarray
    n: int


def density_of(name: str) -> Callable[[jax.Array], jax.Array]:
    """The log density of a target, or that of `oscillator`."""
    if name == "oscillator":
        return oscillator()
    logdensity: Callable[[jax.Array], jax.Array] = getattr(pmcmc.targets, name)().logdensity
    return logdensity


def start_of(name: str) -> np.ndarray:
    """A position to start from, shape `(D,)`."""
    if name == "oscillator":
        return np.log([4.0, 0.2])
    return np.asarray(getattr(pmcmc.targets, name)().initial_position)
