"""Concentrations of a drug: one compartment with Michaelis-Menten elimination."""

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.targets.base import Target, make_once
from pmcmc.targets.runge_kutta import runge_kutta
from pmcmc.targets.tables import read_numbers, read_reference

_DOSE, _VOLUME = 30.0, 2.0
_STEPS, _SIZE = 10, 0.05  # between two measurements, and their size in hours

State = tuple[jax.Array, jax.Array]  # concentration, absorption


@make_once
def one_compartment() -> Target:
    """Absorption of a dose with saturable elimination, measured 20 times.

    A position holds the logarithms of `k_a`, `K_m`, `V_m` and `sigma`: `D = 4`. The concentration
    `C` starts from 0 and follows
    `dC/dt = exp(-k_a t) * k_a * 30 / 2 - V_m / 2 * C / (K_m + C)`, solved by classical Runge-Kutta
    steps of a twentieth of an hour; measurements, every half hour, are log-normal around it with
    scale `sigma`. All four are half-Cauchy with scale 1. `K_m` has a very long tail.
    """
    log_measured = np.log(read_numbers("one_comp_mm_elim_abs.csv")[:, 1])

    def logdensity(position: jax.Array) -> jax.Array:
        k_a, k_m, v_m, sigma = jnp.exp(position)
        half_step = jnp.exp(-0.5 * _SIZE * k_a)  # what is left to absorb after half a step

        def derivative(absorption: jax.Array, c: jax.Array) -> jax.Array:
            return absorption - v_m / _VOLUME * c / (k_m + c)

        def step(_: jax.Array, state: State) -> State:
            c, start = state
            middle = start * half_step
            end = middle * half_step
            return runge_kutta(derivative, c, _SIZE, (start, middle, end)), end

        def interval(state: State, _: None) -> tuple[State, jax.Array]:
            state = jax.lax.fori_loop(0, _STEPS, step, state)
            return state, state[0]

        start = jnp.zeros_like(k_a), k_a * (_DOSE / _VOLUME)
        _, solution = jax.lax.scan(interval, start, None, length=len(log_measured))
        expected = jnp.log(solution)
        offsets = (jnp.asarray(log_measured, position.dtype) - expected) / sigma
        value = -0.5 * jnp.sum(offsets**2) - len(log_measured) * position[3]
        # The last term is the Jacobian of the logarithms.
        return value - jnp.sum(jnp.log1p(jnp.exp(2 * position))) + jnp.sum(position)

    def constrain(position: jax.Array) -> dict[str, jax.Array]:
        return dict(zip(["k_a", "K_m", "V_m", "sigma"], jnp.exp(position), strict=True))

    return Target(
        name="one compartment",
        logdensity=logdensity,
        dim=4,
        initial_position=np.log([0.75, 1.0, 0.9, 0.13]),
        reference=read_reference(
            "one_comp_mm_elim_abs_reference.csv",
            "posteriordb (Magnusson et al., 2022), one_comp_mm_elim_abs-one_comp_mm_elim_abs: "
            "10,000 gold-standard draws of Stan; BSD-3-Clause",
        ),
        citation="Simulated; data and model of one_comp_mm_elim_abs-one_comp_mm_elim_abs in "
        "posteriordb (BSD-3-Clause), from the benchmarks of Stan",
        constrain=constrain,
    )
