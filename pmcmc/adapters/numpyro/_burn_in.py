"""NumPyro's NUTS after one of our burn-ins."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.infer import NUTS

from pmcmc._burn_in import BurnIn
from pmcmc.adapters._burn_in import check_burn_in


def from_burn_in(burn_in: BurnIn, model: Any = None, **settings: Any) -> tuple[NUTS, Any]:
    """NUTS with the metric and step size of a burn-in, and where it starts.

    `kernel, start = from_burn_in(burn_in, model)`, then `numpyro.infer.MCMC(kernel, num_warmup=0,
    num_samples=1000, num_chains=4).run(rng_key, *args, init_params=start)`.

    Args:
        burn_in: the result of `pmcmc.burn_in` for the model's log density (see `from_model`), with
            the same number of chains.
        model: the NumPyro model, or `None` if `potential_fn` is given.
        **settings: settings of `numpyro.infer.NUTS`.

    Warns:
        UserWarning: the burn-in is not stationary yet.

    Raises:
        ValueError: `burn_in` is not the result of a burn-in.
    """
    check_burn_in(burn_in, settings)
    metric = np.asarray(burn_in.parameters["inverse_mass_matrix"])
    found = {
        **burn_in.parameters,
        "inverse_mass_matrix": jnp.asarray(metric),
        "dense_mass": metric.ndim == 2,
        "adapt_step_size": False,
        "adapt_mass_matrix": False,
    }
    return NUTS(model, **{**found, **settings}), jax.tree.map(jnp.asarray, burn_in.position)
