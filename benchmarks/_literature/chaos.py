"""Nine chaotic flows by Euler steps, and their observers (Gonzalez et al., 2025, table 1).

The flows and their parameters are those of the collection of Gilpin (2021). An observer sees some
coordinates of the system, which replace its own, and is pulled towards one linear measurement of
it, `y = C s`, with the gain `C.T`, as in the authors' experiment.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

STEP = 0.01


class Flow(NamedTuple):
    """A flow `ds/dt = velocity(s)`.

    Args:
        velocity: from the three coordinates to their derivatives.
        start: on the attractor.
        observed: coordinates that the observer is given.
        key: number of the flow in the authors' list, for the start of its observer.
        published: sweeps of Newton's method for 30,000 steps of the system and of the observer.
    """

    velocity: Callable[..., tuple[Any, Any, Any]]
    start: tuple[float, float, float]
    observed: tuple[int, ...]
    key: int
    published: tuple[int, int]


def abc(x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
    """Arnold, Beltrami and Childress."""
    a, b = 1.73205, 1.41421
    return (
        a * jnp.sin(z) + jnp.cos(y),
        b * jnp.sin(x) + a * jnp.cos(z),
        jnp.sin(y) + b * jnp.cos(x),
    )


def chua(x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
    """The circuit with a piecewise linear diode."""
    inner, outer = -1.142857, -0.71429
    diode = outer * x + 0.5 * (inner - outer) * (jnp.abs(x + 1) - jnp.abs(x - 1))
    return 15.6 * (y - x - diode), x - y + z, -28.0 * y


def kawczynski_strizhak(x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
    """A chemical oscillator."""
    gamma, mu = 0.49, 2.1
    return gamma * (y - x**3 + 3 * mu * x), -2 * mu * x - y - z - 0.4, 0.2 * (x - z)


def lorenz(x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
    """Lorenz, 1963."""
    return 10.0 * (y - x), 28.0 * x - x * z - y, x * y - 8 / 3 * z


def nose_hoover(x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
    """An oscillator with a thermostat."""
    return y, -x + y * z, 1.5 - y**2


def roessler(x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
    """Roessler, 1976."""
    return -y - z, x + 0.2 * y, 0.2 + z * (x - 5.7)


def sprott_b(x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
    """The second of Sprott's list."""
    return y * z, x - y, 1.0 - x * y


def thomas(x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
    """Thomas, cyclically symmetric."""
    return tuple(-1.85 * own + 10.0 * jnp.sin(next_) for own, next_ in ((x, y), (y, z), (z, x)))  # type: ignore[return-value]


def vallis_el_nino(x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
    """Vallis' model of the ocean."""
    return 102.0 * y - 3.0 * x, -y + x * z, -z - x * y + 1.0


FLOWS = {
    "ABC": Flow(abc, (-0.78450179, -0.62887672, -0.17620268), (0, 2), 3, (4243, 3)),
    "Chua": Flow(chua, (1.1262351, -0.11386474, -0.78324421), (1,), 7, (697, 14)),
    "Kawczynski-Strizhak": Flow(
        kawczynski_strizhak, (-1.160501, 5.8636902, -1.2031947), (0, 1), 5, (29396, 2)
    ),
    "Lorenz": Flow(lorenz, (-9.7869288, -15.03852, 20.533978), (1,), 1, (30000, 3)),
    "Nose-Hoover": Flow(nose_hoover, (-1.9758582, 0.24647527, 0.79024299), (0, 2), 8, (29765, 3)),
    "Roessler": Flow(roessler, (6.5134412, 0.4772013, 0.34164294), (), 0, (29288, 7)),
    "SprottB": Flow(sprott_b, (1.6878282, 1.4848132, -0.53706628), (1,), 4, (29486, 2)),
    "Thomas": Flow(thomas, (2.199442, 2.3634225, 3.220197), (1,), 2, (12747, 7)),
    "Vallis Nino": Flow(
        vallis_el_nino, (-6.9928633, 0.023254277, -0.16581776), (1,), 6, (30000, 3)
    ),
}  # fmt: skip


class Draws(NamedTuple):
    """What the authors drew at random, by the seed of their experiment.

    Args:
        measured: `C`, shape `(3,)`.
        guess: of the states, shape `(T, 3)`.
        starts: how far the observers start from the systems, shape `(9, 3)`.
    """

    measured: jax.Array
    guess: jax.Array
    starts: jax.Array


def draws(length: int) -> Draws:
    """The draws for sequences of this length."""
    of_measured, _, of_guess, *_ = jax.random.split(jax.random.PRNGKey(42), 6)
    keys = jax.random.split(jax.random.PRNGKey(0), 9)
    return Draws(
        measured=jax.random.normal(of_measured, (1, 3))[0],
        guess=jax.random.normal(of_guess, (length, 3)),
        starts=jax.vmap(lambda key: jax.random.normal(key, (3,)))(keys),
    )


def system(flow: Flow) -> Callable[[jax.Array, Any], jax.Array]:
    """One Euler step of the flow."""
    return lambda s, u: s + STEP * jnp.stack(flow.velocity(*s))


def observer(flow: Flow, measured: jax.Array) -> Callable[[jax.Array, Any], jax.Array]:
    """One step of the observer, whose input is the state of the system."""

    def step(s: jax.Array, u: jax.Array) -> jax.Array:
        s = s.at[np.array(flow.observed, int)].set(u[np.array(flow.observed, int)])
        pull = measured * (measured @ (u - s))
        return s + STEP * (jnp.stack(flow.velocity(*s)) + pull)

    return step


def trajectory(flow: Flow, length: int) -> jax.Array:
    """The system's states from the start on, which an observer sees, shape `(length, 3)`."""
    step, start = system(flow), jnp.asarray(flow.start)
    return lax.scan(lambda s, _: (step(s, None), s), start, None, length)[1]
