"""How long a trajectory along a surrogate is, and in how many steps it is taken."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._chain.problem import with_dtype
from pmcmc._util.keys import internal_key
from pmcmc._util.programs import jit_of_kinds

_QUARTER = math.pi / 2  # of a period of a normal with unit scale: the next draw is independent
_STEPS = (4, 6, 8, 12, 16)
_LEAST_RATE = 0.95  # at which the surrogate itself would accept its trajectories
_DRAWS = 256


def with_trajectory(kernel: Any, positions: np.ndarray) -> Any:
    """The kernel with the fewest leapfrog steps that follow its surrogate closely enough.

    What the surrogate costs is no matter of the step size, so the exact log density is not asked.
    Trajectories are a quarter of a period of the normal whose covariance is the metric.

    Args:
        kernel: with a surrogate and a metric.
        positions: draws to start from, shape `(n, D)`.
    """
    rows = positions[np.linspace(0, len(positions) - 1, _DRAWS).astype(int)]
    rate = -math.inf
    best = kernel
    for n_steps in _STEPS:
        trial = dataclasses.replace(
            kernel, num_integration_steps=n_steps, step_size=_QUARTER / n_steps
        )
        seen = float(_rate(with_dtype(trial, rows.dtype), jnp.asarray(rows)))
        if seen > rate:
            best, rate = trial, seen
        if rate >= _LEAST_RATE:
            break
    return best


@jit_of_kinds()
def _rate(kernel: Any, positions: jax.Array) -> jax.Array:
    """Mean acceptance rate where the surrogate is the target, without random-walk proposals."""
    alone = dataclasses.replace(kernel, random_walk_share=0.0)

    def one(position: jax.Array, rng_key: jax.Array) -> jax.Array:
        state = kernel.init(kernel.surrogate, position)
        noise = kernel.draw_noise(rng_key, position)
        rate: jax.Array = alone.transition(kernel.surrogate, state, noise)[1].acceptance_rate
        return rate

    return jnp.mean(jax.vmap(one)(positions, jax.random.split(internal_key(0), len(positions))))
