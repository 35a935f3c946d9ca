"""Flows of the Nile: a local linear trend with a Kalman filter."""

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.targets.base import Target, make_once
from pmcmc.targets.tables import read_numbers, read_reference

State = tuple[jax.Array, ...]  # level, slope, and their covariance: 11, 12, 22

_PRIOR_SCALES = np.array([200.0, 100.0, 10.0])
_LEVEL, _LEVEL_SD, _SLOPE_SD = 1000.0, 300.0, 30.0  # of the first year


@make_once
def local_linear_trend() -> Target:
    """Yearly flows of the Nile, 1871-1970, around a random trend, which is integrated out.

    A position holds the logarithms of `sigma_flow`, `sigma_level` and `sigma_slope`, in units of
    1e8 cubic meters: `D = 3`. A flow is normal around the level. The level changes by the slope and
    a normal step, the slope by a normal step. The first level is normal(1000, 300), the first slope
    normal(0, 30). The standard deviations are half-normal with scales 200, 100 and 10.
    """
    flows = read_numbers("nile.csv")[:, 1]

    def logdensity(position: jax.Array) -> jax.Array:
        sigma = jnp.exp(position)
        of_flow, of_level, of_slope = sigma**2

        # A step of the filter number by number: there is no faster way for matrices of 2 by 2.
        def step(state: State, flow: jax.Array) -> tuple[State, tuple[jax.Array, jax.Array]]:
            level, slope, p11, p12, p22 = state
            error, variance = flow - level, p11 + of_flow
            gain_level, gain_slope = p11 / variance, p12 / variance
            slope = slope + gain_slope * error
            level = level + gain_level * error + slope
            p22 = p22 - gain_slope * p12
            p12 = p12 * (1 - gain_level)
            p11 = of_flow * gain_level + 2 * p12 + p22 + of_level
            return (level, slope, p11, p12 + p22, p22 + of_slope), (error, variance)

        first = [_LEVEL, 0.0, _LEVEL_SD**2, 0.0, _SLOPE_SD**2]
        state = tuple(jnp.asarray(x, position.dtype) for x in first)
        data = jnp.asarray(flows, position.dtype)
        _, (errors, variances) = jax.lax.scan(step, state, data)
        value = -0.5 * jnp.sum(errors**2 / variances + jnp.log(variances))
        value -= 0.5 * jnp.sum((sigma / jnp.asarray(_PRIOR_SCALES, position.dtype)) ** 2)
        return value + jnp.sum(position)  # Jacobian of the logarithms

    def constrain(position: jax.Array) -> dict[str, jax.Array]:
        names = ["sigma_flow", "sigma_level", "sigma_slope"]
        return dict(zip(names, jnp.exp(position), strict=True))

    return Target(
        name="local linear trend",
        logdensity=logdensity,
        dim=3,
        initial_position=np.log([120.0, 40.0, 3.0]),
        reference=read_reference(
            "local_linear_trend_reference.csv",
            "NumPyro 0.22.0 NUTS in float64 (JAX 0.10.2): 4 chains of 5,000 "
            "draws after 1,000 warm-up steps each; largest R-hat 1.0007, smallest bulk ESS 6,224",
        ),
        citation="Cobb, G. (1978). The problem of the Nile: conditional solution to a changepoint "
        "problem. Biometrika, 65, 243-251 (public domain); model: Durbin, J., & Koopman, S. J. "
        "(2012). Time Series Analysis by State Space Methods, Oxford University Press",
        constrain=constrain,
    )
