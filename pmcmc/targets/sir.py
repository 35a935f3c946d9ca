"""Influenza in a boarding school: an epidemic fitted to counts."""

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.targets.base import Target, make_once
from pmcmc.targets.counts import negative_binomial_logdensity
from pmcmc.targets.runge_kutta import runge_kutta
from pmcmc.targets.tables import read_reference

_BOYS = 763
_IN_BED = np.array([3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4])
_STEPS_PER_DAY = 10


@make_once
def sir() -> Target:
    """Boys in bed on 14 days of the outbreak of 1978, with a model of three compartments.

    A position holds the logarithms of `beta`, `gamma` and `overdispersion`: `D = 3`. One of 763
    boys is infected a day before the first count. Susceptible boys `S` and infected ones `I` follow
    `dS/dt = -beta * S * I / 763`, `dI/dt = beta * S * I / 763 - gamma * I`, solved by classical
    Runge-Kutta steps of a tenth of a day. Counts are negative binomial with mean `I` and variance
    `I + overdispersion * I**2`. `beta` is normal(2, 1), `gamma` normal(0.4, 0.5), both positive;
    `overdispersion` is exponential with rate 5.
    """
    likelihood = negative_binomial_logdensity(_IN_BED)

    def logdensity(position: jax.Array) -> jax.Array:
        beta, gamma, overdispersion = jnp.exp(position)

        def derivative(_: None, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            infections = beta / _BOYS * state[0] * state[1]
            return -infections, infections - gamma * state[1]

        def day(
            state: tuple[jax.Array, jax.Array], _: None
        ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
            state = jax.lax.fori_loop(
                0,
                _STEPS_PER_DAY,
                lambda _, s: runge_kutta(derivative, s, 1 / _STEPS_PER_DAY),
                state,
            )
            return state, state[1]

        one = jnp.ones_like(beta)
        _, infected = jax.lax.scan(day, ((_BOYS - 1) * one, one), None, length=len(_IN_BED))
        value = likelihood(infected, overdispersion)
        value -= 0.5 * ((beta - 2) ** 2 + ((gamma - 0.4) / 0.5) ** 2) + 5 * overdispersion
        return value + jnp.sum(position)  # Jacobian of the logarithms

    def constrain(position: jax.Array) -> dict[str, jax.Array]:
        return dict(zip(["beta", "gamma", "overdispersion"], jnp.exp(position), strict=True))

    return Target(
        name="SIR",
        logdensity=logdensity,
        dim=3,
        initial_position=np.log([1.7, 0.5, 0.1]),
        reference=read_reference(
            "sir_reference.csv",
            "NumPyro 0.22.0 NUTS in float64 (JAX 0.10.2): 4 chains of 5,000 "
            "draws after 1,000 warm-up steps each; largest R-hat 1.0002, smallest bulk ESS 11,160",
        ),
        citation="Influenza in a boarding school (1978). British Medical Journal, 1, 587 "
        "(published figures); model: Grinsztajn, L., et al. (2021). Bayesian workflow for disease "
        "transmission modeling in Stan. Statistics in Medicine, 40, 6209-6234",
        constrain=constrain,
    )
