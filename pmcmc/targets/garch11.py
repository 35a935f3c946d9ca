"""Returns of crude oil, whose variance depends on the previous day."""

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.targets.base import Target, make_once
from pmcmc.targets.tables import read_reference, read_rows


@make_once
def garch11() -> Target:
    """A GARCH(1, 1) model of 1,000 daily returns of crude oil, 2010-2013, in percent.

    A position holds `mu`, `log omega`, the logit of the persistence `alpha + beta` and that of
    `alpha / (alpha + beta)`: `D = 4`. Returns are normal with mean `mu` and variance `h[t] = omega
    + alpha * (return[t-1] - mu)**2 + beta * h[t-1]`; `h[0]` is the variance of the data. `mu` is
    standard normal, `omega` half-Cauchy with scale 1; `alpha` and `beta` are uniform on positive
    values with a sum below 1.
    """
    prices = np.array([float(row["price"]) for row in read_rows("oil_price.csv")])
    returns = 100 * np.diff(np.log(prices))
    first = np.var(returns)

    def logdensity(position: jax.Array) -> jax.Array:
        parameters = constrain(position)
        squares = (jnp.asarray(returns, position.dtype) - parameters["mu"]) ** 2
        # What does not depend on the variance before is computed at once.
        shocks = parameters["omega"] + parameters["alpha"] * squares[:-1]

        def step(h: jax.Array, shock: jax.Array) -> tuple[jax.Array, jax.Array]:
            h = shock + parameters["beta"] * h
            return h, h

        start = jnp.asarray(first, position.dtype)
        _, rest = jax.lax.scan(step, start, shocks)
        h = jnp.concatenate([start[None], rest])
        value = -0.5 * jnp.sum(squares / h + jnp.log(h)) - 0.5 * parameters["mu"] ** 2
        value -= jnp.log1p(parameters["omega"] ** 2)
        # Jacobians: of log omega, of the logits, and of (alpha, beta) by sum and share.
        value += position[1] + jax.nn.log_sigmoid(position[2])
        of_logits = jax.nn.log_sigmoid(position[2:]) + jax.nn.log_sigmoid(-position[2:])
        return value + jnp.sum(of_logits)

    def constrain(position: jax.Array) -> dict[str, jax.Array]:
        persistence, share = jax.nn.sigmoid(position[2]), jax.nn.sigmoid(position[3])
        alpha = persistence * share
        return {
            "mu": position[0],
            "omega": jnp.exp(position[1]),
            "alpha": alpha,
            "beta": persistence * jax.nn.sigmoid(-position[3]),
        }

    return Target(
        name="GARCH(1, 1)",
        logdensity=logdensity,
        dim=4,
        initial_position=np.array([0.0, np.log(0.1), 3.0, -2.5]),
        reference=read_reference(
            "garch11_reference.csv",
            "NumPyro 0.22.0 NUTS in float64 (JAX 0.10.2): 4 chains of 5,000 "
            "draws after 1,000 warm-up steps each; largest R-hat 1.0006, smallest bulk ESS 7,479",
        ),
        citation="U.S. Energy Information Administration: spot price of West Texas Intermediate, "
        "series DCOILWTICO of FRED (public domain); model: Bollerslev, T. (1986). Generalized "
        "autoregressive conditional heteroskedasticity. Journal of Econometrics, 31, 307-327",
        constrain=constrain,
    )
