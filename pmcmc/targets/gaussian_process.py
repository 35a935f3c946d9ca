"""Sea temperatures: regression with a Gaussian process."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular

from pmcmc.targets.base import Target, make_once
from pmcmc.targets.tables import read_numbers, read_reference

_NAMES = ["amplitude", "length_scale", "seasonal_amplitude", "seasonal_length_scale", "sigma"]
_MEDIANS, _SCALES = [1.0, 0.5, 2.0, 1.0, 0.3], [1.0, 0.7, 0.7, 0.5, 0.7]


@make_once
def gaussian_process() -> Target:
    """Monthly sea temperatures, 2001-2010, with a Gaussian process, which is integrated out.

    A position holds the logarithms of `amplitude` (degrees Celsius), `length_scale` (years),
    `seasonal_amplitude`, `seasonal_length_scale` (no unit) and `sigma`: `D = 5`. The 120
    temperatures minus their mean are normal. Temperatures `d` years apart have covariance
    `amplitude**2 * exp(-d**2 / (2 * length_scale**2)) + seasonal_amplitude**2 * exp(-2 * sin(pi *
    d)**2 / seasonal_length_scale**2)`, and `sigma**2` is added to variances. Parameters are
    log-normal with medians 1, 0.5, 2, 1 and 0.3 and scales 1, 0.7, 0.7, 0.5 and 0.7.

    Each evaluation takes a Cholesky decomposition.
    """
    temperatures = read_numbers("sea_surface_temperature.csv")[:, 2]
    temperatures = temperatures - temperatures.mean()
    months = np.arange(len(temperatures))
    lags = np.abs(months[:, None] - months).astype(np.int32)
    squares, sines = (months / 12) ** 2, np.sin(np.pi * (months % 12) / 12) ** 2

    def covariance(position: jax.Array) -> jax.Array:
        amplitude, length, seasonal, seasonal_length, sigma = jnp.exp(position)
        of_lag = amplitude**2 * jnp.exp(-0.5 * jnp.asarray(squares, position.dtype) / length**2)
        waves = jnp.asarray(sines, position.dtype)
        of_lag += seasonal**2 * jnp.exp(-2 * waves / seasonal_length**2)
        return of_lag.at[0].add(sigma**2)[lags]  # the same for all pairs as far apart

    def logdensity(position: jax.Array) -> jax.Array:
        factor = jnp.linalg.cholesky(covariance(position), symmetrize_input=False)
        data = jnp.asarray(temperatures, position.dtype)
        value = -0.5 * jnp.sum(solve_triangular(factor, data, lower=True) ** 2)
        value -= jnp.sum(jnp.log(jnp.diagonal(factor)))
        # The density of the logarithms, so that there is no Jacobian.
        centers = jnp.asarray([math.log(x) for x in _MEDIANS], position.dtype)
        return value - 0.5 * jnp.sum(((position - centers) / jnp.asarray(_SCALES, data.dtype)) ** 2)

    def constrain(position: jax.Array) -> dict[str, jax.Array]:
        return dict(zip(_NAMES, jnp.exp(position), strict=True))

    return Target(
        name="Gaussian process",
        logdensity=logdensity,
        dim=len(_NAMES),
        initial_position=np.log(_MEDIANS),
        reference=read_reference(
            "gaussian_process_reference.csv",
            "NumPyro 0.22.0 NUTS in float64 (JAX 0.10.2): 4 chains of 5,000 "
            "draws after 1,000 warm-up steps each; largest R-hat 1.0003, smallest bulk ESS 13,011",
        ),
        citation="National Oceanic and Atmospheric Administration: ERSST.V3B, sea surface "
        "temperatures of the region Nino 1+2 (public domain); model: Rasmussen, C. E., & "
        "Williams, C. (2006). Gaussian Processes for Machine Learning, MIT Press, section 5.4",
        constrain=constrain,
    )
