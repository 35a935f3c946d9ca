"""BlackJAX's samplers after one of our burn-ins."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from blackjax.base import SamplingAlgorithm

from pmcmc._burn_in import BurnIn
from pmcmc.adapters._burn_in import check_burn_in


def from_burn_in(
    burn_in: BurnIn,
    factory: Callable[..., SamplingAlgorithm],
    logdensity: Callable[[Any], jax.Array],
    **settings: Any,
) -> tuple[SamplingAlgorithm, Any]:
    """A Hamiltonian sampler with the metric and step size of a burn-in, and its initial states.

    Args:
        burn_in: the result of `pmcmc.burn_in`.
        factory: such as `blackjax.nuts`, or `blackjax.hmc` with `num_integration_steps=...`.
        logdensity: the same as in the burn-in.
        **settings: settings of the sampler, also `step_size` and `inverse_mass_matrix`.

    Returns:
        The algorithm, and its states, with a leading axis if there are several chains.

    Warns:
        UserWarning: the burn-in is not stationary yet.

    Raises:
        ValueError: `burn_in` is not the result of a burn-in.
    """
    check_burn_in(burn_in, settings)
    algorithm = factory(logdensity, **{**burn_in.parameters, **settings})
    position = jax.tree.map(jnp.asarray, burn_in.position)
    init = algorithm.init if burn_in.n_chains == 1 else jax.vmap(algorithm.init)
    return algorithm, init(position)
