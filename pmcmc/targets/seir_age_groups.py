"""A simulated epidemic in sixteen age groups, with a model of realistic size."""

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.targets.base import Target, make_once
from pmcmc.targets.counts import negative_binomial_logdensity
from pmcmc.targets.runge_kutta import runge_kutta
from pmcmc.targets.tables import read_numbers, read_reference

# Susceptible, latent twice, infectious twice, cases of the week.
State = tuple[jax.Array, jax.Array, jax.Array, jax.Array, jax.Array, jax.Array]
Inputs = tuple[jax.Array, jax.Array, jax.Array]  # activity at start, middle and end of a step

_GROUPS, _WEEKS, _STEPS_PER_DAY = 16, 24, 4
_MEASURES_DAY, _MEASURES_DAYS = 50.0, 3.0  # when contacts are reduced, and how fast
_AGES = 5 * np.arange(_GROUPS) + 2.5
_POPULATION = 1e6 * np.exp(-((_AGES / 75) ** 3)) / np.sum(np.exp(-((_AGES / 75) ** 3)))
_BANDS = np.repeat(np.arange(4), [3, 5, 5, 3])  # ages below 15, 40 and 65 years, and above
_NAMES = [
    "reproduction",
    "latent_days",
    "infectious_days",
    "initial_infected",
    "susceptibility_young",
    "susceptibility_old",
    "overdispersion",
    "reduction",
    "reporting",
]
# Of logarithms, and of logits from the reduction on.
_MEANS = np.concatenate([np.log([2.5, 4.0, 5.0, 50.0, 1.0, 1.0, 0.05]), [0.0], [-1.5] * 4])
_SCALES = np.array([0.3, 0.2, 0.2, 1.0, 0.3, 0.3, 0.7, 1.0, 1.0, 1.0, 1.0, 1.0])


def contacts() -> np.ndarray:
    """Contacts of a person in one group with another group, shape `(16, 16)`.

    People meet mostly people of their own age, then those a generation away, and the young meet
    more people. The largest eigenvalue is 1, so the reproduction number is a factor.
    """
    apart = np.abs(_AGES[:, None] - _AGES)
    activity = 1 + np.exp(-(((_AGES - 12) / 12) ** 2))
    pairs = np.exp(-apart / 8) + 0.4 * np.exp(-(((apart - 30) / 10) ** 2)) + 0.1
    rates = pairs * np.outer(activity, activity) * _POPULATION
    return rates / np.max(np.linalg.eigvals(rates).real)


def constrain(position: jax.Array) -> dict[str, jax.Array]:
    """The parameters, from standardized coordinates of shape `(12,)`."""
    scales = jnp.asarray(_SCALES, position.dtype)
    scaled = jnp.asarray(_MEANS, position.dtype) + scales * position
    values = [*jnp.exp(scaled[:7]), jax.nn.sigmoid(scaled[7]), jax.nn.sigmoid(scaled[8:])]
    return dict(zip(_NAMES, values, strict=True))


def expected_cases(parameters: dict[str, jax.Array]) -> jax.Array:
    """Expected reported cases, shape `(24, 16)`: one row per week, one column per age group."""
    dtype = parameters["reproduction"].dtype
    per_person = jnp.asarray(contacts() / _POPULATION, dtype)
    population = jnp.asarray(_POPULATION, dtype)
    young, old = parameters["susceptibility_young"], parameters["susceptibility_old"]
    susceptibility = jnp.stack([young, *jnp.ones((2,), dtype), old])[_BANDS]
    infectivity = parameters["reproduction"] / parameters["infectious_days"] * susceptibility
    rates = infectivity[:, None] * per_person
    becomes_infectious = 2 / parameters["latent_days"]
    recovers = 2 / parameters["infectious_days"]

    # Arrays on their own, not stacked: faster where one step waits for another.
    def derivative(activity: jax.Array, state: State) -> State:
        s, e1, e2, i1, i2, _ = state
        infections = activity * s * jnp.matmul(rates, i1 + i2, precision="highest")
        latent, cases = becomes_infectious * e1, becomes_infectious * e2
        ill = recovers * i1
        return (
            -infections,
            infections - latent,
            latent - cases,
            cases - ill,
            ill - recovers * i2,
            cases,
        )

    # The reduced activity at starts, middles and ends of steps, computed at once.
    n_steps = 7 * _STEPS_PER_DAY
    times = np.arange(2 * n_steps * _WEEKS + 1) / (2 * _STEPS_PER_DAY)
    measures = jax.nn.sigmoid(jnp.asarray((times - _MEASURES_DAY) / _MEASURES_DAYS, dtype))
    activity = 1 - parameters["reduction"] * measures
    of_weeks = (_WEEKS, n_steps)
    starts, middles, ends = activity[:-1:2], activity[1::2], activity[2::2]
    inputs = starts.reshape(of_weeks), middles.reshape(of_weeks), ends.reshape(of_weeks)

    def step(state: State, inputs: Inputs) -> tuple[State, None]:
        return runge_kutta(derivative, state, 1 / _STEPS_PER_DAY, inputs), None

    def week(state: State, inputs: Inputs) -> tuple[State, jax.Array]:
        # Cases are counted from zero each week, so that few are exact in float32 too.
        state, _ = jax.lax.scan(step, (*state[:5], jnp.zeros_like(state[5])), inputs)
        return state, state[5]

    infected = parameters["initial_infected"] * population / jnp.sum(population)
    nobody = jnp.zeros_like(population)
    start = population - infected, infected, nobody, nobody, nobody, nobody
    _, cases = jax.lax.scan(week, start, inputs)
    return cases * parameters["reporting"][None, _BANDS]


@make_once
def seir_age_groups() -> Target:
    """Weekly cases in 16 age groups over 24 weeks: a simulated epidemic among a million people.

    A position holds standardized logarithms and logits of 12 parameters: `D = 12`. All are standard
    normal a priori, which makes the parameters log-normal or logit-normal, with medians
    `reproduction` 2.5, `latent_days` 4, `infectious_days` 5, `initial_infected` 50,
    `susceptibility_young` and `susceptibility_old` 1 (below 15 and from 65 years, relative to the
    others), `overdispersion` 0.05, `reduction` of contacts from day 50 on 0.5, and `reporting` 0.18
    in each of four age bands.

    Susceptible people `S[a]` are infected at the rate
    `reproduction / infectious_days * susceptibility[a] * activity(t)
    * sum(contacts[a, b] / N[b] * I[b] for b)`; they are latent in two stages, then infectious in
    two, each left at a constant rate. The system of 96 equations is solved by classical Runge-Kutta
    steps of a quarter of a day. People who become infectious are cases; those reported are negative
    binomial with variance `mean + overdispersion * mean**2`. Cases are simulated with all
    parameters at their medians.

    A model of realistic size: an evaluation takes about a millisecond.
    """
    likelihood = negative_binomial_logdensity(read_numbers("seir_age_groups.csv"))

    def logdensity(position: jax.Array) -> jax.Array:
        parameters = constrain(position)
        value = likelihood(expected_cases(parameters), parameters["overdispersion"])
        return value - 0.5 * jnp.sum(position**2)

    return Target(
        name="SEIR, age groups",
        logdensity=logdensity,
        dim=len(_MEANS),
        initial_position=np.zeros(len(_MEANS)),
        reference=read_reference(
            "seir_age_groups_reference.csv",
            "importance sampling in float64 (JAX 0.10.2) with 50,000 draws of a multivariate t "
            "on bent axes: effective sample size 30,928, Pareto k 0.28",
        ),
        citation="Simulated, contacts and ages as well. Model: Keeling, M., & Rohani, P. (2008). "
        "Modeling Infectious Diseases in Humans and Animals, chapter 3, Princeton University Press",
        constrain=constrain,
    )
