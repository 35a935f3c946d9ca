"""A hidden Markov model with two states."""

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.targets.base import Target, make_once
from pmcmc.targets.tables import read_numbers, read_reference


@make_once
def hmm() -> Target:
    """A hidden Markov model with two states and 100 observations; the states are summed out.

    A position holds the logits of `theta1[0]` and `theta2[0]`, `log mu[0]` and `log(mu[1] -
    mu[0])`: `D = 4`. `theta1` and `theta2` are the rows of the transition matrix, both uniform.
    `mu` is positive and ordered; its entries are normal with means 3 and 10 and standard deviation
    1. Observations are normal with mean `mu[state]` and standard deviation 1. Both values of the
    first state have weight 1.

    The value is minus infinity if the likelihood of an observation, given those before it,
    underflows.
    """
    y = read_numbers("hmm_example.csv")[:, 0]

    def means(position: jax.Array) -> tuple[jax.Array, jax.Array]:
        low = jnp.exp(position[2])
        return low, low + jnp.exp(position[3])

    def logdensity(position: jax.Array) -> jax.Array:
        low, high = means(position)
        data = jnp.asarray(y, position.dtype)
        of_low, of_high = -0.5 * (data - low) ** 2, -0.5 * (data - high) ** 2
        # Relative to the likelier state, and normalized at every step: no logarithms in the loop.
        largest = jnp.maximum(of_low, of_high)
        likelihoods = jnp.exp(of_low - largest), jnp.exp(of_high - largest)
        from_low, from_high = jax.nn.sigmoid(position[0]), jax.nn.sigmoid(position[1])

        def step(
            weight: jax.Array, likelihood: tuple[jax.Array, jax.Array]
        ) -> tuple[jax.Array, jax.Array]:
            stays = from_high + weight * (from_low - from_high)
            in_low, in_high = stays * likelihood[0], (1 - stays) * likelihood[1]
            total = in_low + in_high
            return in_low / total, total

        first = likelihoods[0][0] + likelihoods[1][0]
        rest = likelihoods[0][1:], likelihoods[1][1:]
        _, totals = jax.lax.scan(step, likelihoods[0][0] / first, rest)
        value = jnp.sum(largest) + jnp.log(first) + jnp.sum(jnp.log(totals))
        value -= 0.5 * ((low - 3) ** 2 + (high - 10) ** 2)
        # Jacobians of the logits and of the logarithms.
        value += jnp.sum(jax.nn.log_sigmoid(position[:2]) + jax.nn.log_sigmoid(-position[:2]))
        return value + position[2] + position[3]

    def constrain(position: jax.Array) -> dict[str, jax.Array]:
        share = jax.nn.sigmoid(position[:2])
        theta = jnp.stack([share, 1 - share], axis=1)
        return {"theta1": theta[0], "theta2": theta[1], "mu": jnp.stack(means(position))}

    return Target(
        name="hidden Markov model",
        logdensity=logdensity,
        dim=4,
        initial_position=np.array([0.0, -2.0, np.log(3.0), np.log(5.0)]),
        reference=read_reference(
            "hmm_example_reference.csv",
            "posteriordb (Magnusson et al., 2022), hmm_example-hmm_example: 10,000 gold-standard "
            "draws of Stan; BSD-3-Clause",
        ),
        citation="Simulated; data and model of hmm_example-hmm_example in posteriordb "
        "(BSD-3-Clause), from https://github.com/imadmali/bball-hmm",
        constrain=constrain,
    )
