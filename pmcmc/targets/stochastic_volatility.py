"""Stochastic volatility of simulated returns."""

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.targets.base import Target, make_once
from pmcmc.targets.tables import read_reference

_N_DAYS, _SEED = 500, 20261
_MU, _PHI, _SIGMA = -1.0, 0.95, 0.25
_A, _B = 20.0, 1.5  # of the beta distribution of (phi + 1) / 2


def simulate_returns() -> np.ndarray:
    """Daily returns, shape `(500,)`, from a fixed seed."""
    rng = np.random.RandomState(_SEED)  # its streams never change
    h = _MU + _SIGMA / np.sqrt(1 - _PHI**2) * rng.normal()
    returns = []
    for _ in range(_N_DAYS):
        returns.append(np.exp(h / 2) * rng.normal())
        h = _MU + _PHI * (h - _MU) + _SIGMA * rng.normal()
    return np.array(returns)


@make_once
def stochastic_volatility() -> Target:
    """Autoregressive log variances of 500 simulated returns, non-centered.

    A position holds `mu`, `artanh phi`, `log sigma` and 500 innovations `z`: `D = 503`. The log
    variances `h` start from their stationary distribution and follow
    `h[t] = mu + phi * (h[t-1] - mu) + sigma * z[t]`; returns are normal with variance `exp(h)`.
    Innovations are standard normal, `mu` is normal with standard deviation 2, `(phi + 1) / 2` is
    beta(20, 1.5), `sigma` half-normal with scale 0.5. The returns are simulated with `mu = -1`,
    `phi = 0.95`, `sigma = 0.25`.

    The days are sequential, so an evaluation is slow on any number of cores.
    """
    squares = simulate_returns() ** 2

    def split(position: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
        return position[0], jnp.tanh(position[1]), jnp.exp(position[2]), position[3:]

    def log_variances(position: jax.Array) -> jax.Array:
        mu, phi, sigma, z = split(position)
        first = z[0] / jnp.sqrt(1 - phi**2)

        def step(offset: jax.Array, innovation: jax.Array) -> tuple[jax.Array, jax.Array]:
            offset = phi * offset + innovation
            return offset, offset

        _, rest = jax.lax.scan(step, first, z[1:])
        return mu + sigma * jnp.concatenate([first[None], rest])

    def logdensity(position: jax.Array) -> jax.Array:
        mu, phi, sigma, z = split(position)
        h = log_variances(position)
        likelihood = -0.5 * jnp.sum(h + jnp.asarray(squares, h.dtype) * jnp.exp(-h))
        # Exponents of the beta density and the Jacobian of artanh, (1 + phi) * (1 - phi), together.
        of_phi = _A * jnp.log1p(phi) + _B * jnp.log1p(-phi)
        of_sigma = -0.5 * (sigma / 0.5) ** 2 + position[2]
        return likelihood - 0.5 * (jnp.sum(z**2) + (mu / 2) ** 2) + of_phi + of_sigma

    def constrain(position: jax.Array) -> dict[str, jax.Array]:
        mu, phi, sigma, _ = split(position)
        return {"mu": mu, "phi": phi, "sigma": sigma, "h": log_variances(position)}

    dim = _N_DAYS + 3
    start = np.zeros(dim)
    start[1:3] = np.arctanh(0.9), np.log(0.3)
    return Target(
        name="stochastic volatility",
        logdensity=logdensity,
        dim=dim,
        initial_position=start,
        reference=read_reference(
            "stochastic_volatility_reference.csv",
            "NumPyro 0.22.0 NUTS in float64 (JAX 0.10.2): 4 chains of 5,000 "
            "draws after 1,000 warm-up steps each; largest R-hat 1.0010, smallest bulk ESS 4,308",
        ),
        citation="Simulated. Model: Kim, S., Shephard, N., & Chib, S. (1998). Stochastic "
        "volatility: likelihood inference and comparison with ARCH models. Review of Economic "
        "Studies, 65, 361-393",
        constrain=constrain,
    )
