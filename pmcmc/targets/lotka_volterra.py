"""Hares and lynxes: an ordinary differential equation fitted to data."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._util.checks import check_count
from pmcmc.targets.base import Target, make_once
from pmcmc.targets.tables import read_numbers, read_reference

State = tuple[jax.Array, jax.Array]  # hares, lynxes


@make_once
def lotka_volterra(steps_per_year: int = 10) -> Target:
    """Lotka-Volterra dynamics of hares and lynxes, 1900-1920.

    A position holds the logarithms of the rates `theta = (alpha, beta, gamma, delta)`, the initial
    numbers `z_init` (hares, lynxes, in thousands) and the noise scales `sigma`: `D = 8`. Hares `u`
    and lynxes `v` follow `du/dt = (alpha - beta v) u`, `dv/dt = (delta u - gamma) v`, solved by
    classical Runge-Kutta steps. Counts are log-normal around them. `alpha` and `gamma` are
    normal(1, 0.5), `beta` and `delta` normal(0.05, 0.05), all positive; `z_init` are
    log-normal(log 10, 1), `sigma` log-normal(-1, 1).

    The steps of the equation are sequential, so an evaluation is slow on any number of cores.

    Args:
        steps_per_year: number of Runge-Kutta steps per year. 100 steps, a stand-in for slower
            models, make an evaluation about ten times as slow as 10, and change it by less than
            1e-4 in the region of the mass.
    """
    steps_per_year = check_count("steps_per_year", steps_per_year)
    log_counts = np.log(read_numbers("hudson_lynx_hare.csv")[:, 1:])  # (year, 2)

    def solve(parameters: jax.Array) -> jax.Array:
        theta = list(parameters[:4])
        start = (parameters[4], parameters[5])

        def year(state: State, _: None) -> tuple[State, State]:
            state = jax.lax.fori_loop(
                0, steps_per_year, lambda _, s: _runge_kutta(theta, s, 1 / steps_per_year), state
            )
            return state, state

        _, rest = jax.lax.scan(year, start, None, length=len(log_counts) - 1)
        species = [jnp.concatenate([a[None], b]) for a, b in zip(start, rest, strict=True)]
        return jnp.stack(species, axis=1)

    # Sensitivities to six numbers go along forward in time. The gradient is then six times faster
    # than by going back through the steps, whose intermediate numbers all have to be kept.
    solution_of = jax.custom_jvp(solve)

    @solution_of.defjvp
    def derivative_of_solution(
        primals: tuple[jax.Array], tangents: tuple[jax.Array]
    ) -> tuple[jax.Array, jax.Array]:
        return solve(*primals), jax.jacfwd(solve)(*primals) @ tangents[0]

    def logdensity(position: jax.Array) -> jax.Array:
        parameters, sigma = jnp.split(jnp.exp(position), [6])
        counts = jnp.asarray(log_counts, position.dtype)
        offsets = (counts - jnp.log(solution_of(parameters))) / sigma[None]
        value = -0.5 * jnp.sum(offsets**2) - len(log_counts) * jnp.sum(position[6:])
        center = jnp.asarray([1.0, 0.05, 1.0, 0.05], position.dtype)
        scale = jnp.asarray([0.5, 0.05, 0.5, 0.05], position.dtype)
        value -= 0.5 * jnp.sum(((parameters[:4] - center) / scale) ** 2)
        value -= 0.5 * jnp.sum((position[4:6] - math.log(10.0)) ** 2)
        value -= 0.5 * jnp.sum((position[6:] + 1) ** 2)
        return value + jnp.sum(position[:4])  # Jacobian of the logarithms of theta

    def constrain(position: jax.Array) -> dict[str, jax.Array]:
        theta, z_init, sigma = jnp.split(jnp.exp(position), [4, 6])
        return {"theta": theta, "z_init": z_init, "sigma": sigma}

    return Target(
        name="hare-lynx",
        logdensity=logdensity,
        dim=8,
        initial_position=np.log([0.55, 0.028, 0.8, 0.024, 33.0, 6.0, 0.25, 0.25]),
        reference=read_reference(
            "hudson_lynx_hare_reference.csv",
            "posteriordb (Magnusson et al., 2022), hudson_lynx_hare-lotka_volterra: 10,000 "
            "gold-standard draws of Stan; BSD-3-Clause",
        ),
        citation="Hewitt, C. (1921). The conservation of the wild life of Canada, Scribner: pelts "
        "of the Hudson's Bay Company, by way of posteriordb (BSD-3-Clause); model: Carpenter, B. "
        "(2018). Predator-prey population dynamics: the Lotka-Volterra model in Stan",
        constrain=constrain,
    )


def _derivative(theta: Sequence[jax.Array], state: State) -> State:
    hares, lynxes = state
    return (theta[0] - theta[1] * lynxes) * hares, (theta[3] * hares - theta[2]) * lynxes


# Numbers on their own, not stacked: faster where one step waits for another.
def _runge_kutta(theta: Sequence[jax.Array], state: State, h: float) -> State:
    def shifted(slope: State, size: float) -> State:
        return state[0] + size * slope[0], state[1] + size * slope[1]

    first = _derivative(theta, state)
    second = _derivative(theta, shifted(first, h / 2))
    third = _derivative(theta, shifted(second, h / 2))
    fourth = _derivative(theta, shifted(third, h))
    slopes = zip(first, second, third, fourth, strict=True)
    hares, lynxes = ((a + 2 * b + 2 * c + d) / 6 for a, b, c, d in slopes)
    return shifted((hares, lynxes), h)
