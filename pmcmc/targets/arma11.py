"""An autoregressive moving-average model of simulated data."""

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.targets.base import Target, make_once
from pmcmc.targets.tables import read_numbers, read_reference


@make_once
def arma11() -> Target:
    """An ARMA(1, 1) model for a series of 200 numbers.

    A position holds `mu`, `phi`, `theta` and `log sigma`: `D = 4`. Errors are normal with standard
    deviation `sigma`; the first is `y[0] - mu - phi * mu`, the others
    `y[t] - mu - phi * y[t-1] - theta * error[t-1]`. `mu` is normal with standard deviation 10,
    `phi` and `theta` with 2, `sigma` half-Cauchy with scale 2.5.
    """
    y = read_numbers("arma11.csv")[:, 0]

    def logdensity(position: jax.Array) -> jax.Array:
        mu, phi, theta, log_sigma = position
        data = jnp.asarray(y, position.dtype)
        before = jnp.concatenate([mu[None], data[:-1]])
        offsets = data - mu - phi * before

        def step(error: jax.Array, offset: jax.Array) -> tuple[jax.Array, jax.Array]:
            error = offset - theta * error
            return error, error

        _, errors = jax.lax.scan(step, jnp.zeros_like(mu), offsets)
        value = -0.5 * jnp.sum(errors**2) * jnp.exp(-2 * log_sigma) - len(y) * log_sigma
        value -= 0.5 * ((mu / 10) ** 2 + (phi / 2) ** 2 + (theta / 2) ** 2)
        # The last term is the Jacobian of log sigma.
        return value - jnp.log1p((jnp.exp(log_sigma) / 2.5) ** 2) + log_sigma

    def constrain(position: jax.Array) -> dict[str, jax.Array]:
        mu, phi, theta, log_sigma = position
        return {"mu": mu, "phi": phi, "theta": theta, "sigma": jnp.exp(log_sigma)}

    return Target(
        name="ARMA(1, 1)",
        logdensity=logdensity,
        dim=4,
        initial_position=np.array([0.0, 0.9, 0.0, np.log(0.2)]),
        reference=read_reference(
            "arma11_reference.csv",
            "posteriordb (Magnusson et al., 2022), arma-arma11: 10,000 gold-standard draws of "
            "Stan; BSD-3-Clause",
        ),
        citation="Simulated; data and model of arma-arma11 in posteriordb (BSD-3-Clause), from "
        "the benchmarks of Stan",
        constrain=constrain,
    )
