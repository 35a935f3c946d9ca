"""BlackJAX's samplers after a burn-in of ours."""

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
        burn_in: what `pmcmc.burn_in` returned.
        factory: such as `blackjax.nuts`, or `blackjax.hmc` with `num_integration_steps=...`.
        logdensity: the one of the burn-in.
        **settings: of the sampler; `step_size` and `inverse_mass_matrix` may be among them.

    Returns:
        The algorithm, and its states, with a leading axis of several chains.

    Warns:
        UserWarning: the burn-in had not arrived.

    Raises:
        ValueError: `burn_in` is not what a burn-in returned.
    """
    check_burn_in(burn_in, settings)
    algorithm = factory(logdensity, **{**burn_in.parameters, **settings})
    position = jax.tree.map(jnp.asarray, burn_in.position)
    init = algorithm.init if burn_in.n_chains == 1 else jax.vmap(algorithm.init)
    return algorithm, init(position)
