"""BlackJAX's samplers after a burn-in of ours."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from blackjax.base import SamplingAlgorithm

from pmcmc._burn_in import BurnIn
from pmcmc.adapters._ready import check_ready


def from_burn_in(
    factory: Callable[..., SamplingAlgorithm],
    logdensity: Callable[[Any], jax.Array],
    ready: BurnIn,
    **settings: Any,
) -> tuple[SamplingAlgorithm, Any]:
    """A Hamiltonian sampler with the metric and step size of a burn-in, and its initial states.

    Args:
        factory: such as `blackjax.nuts`, or `blackjax.hmc` with `num_integration_steps=...`.
        logdensity: the one of the burn-in.
        ready: what `pmcmc.burn_in` returned.
        **settings: of the sampler; `step_size` and `inverse_mass_matrix` may be among them.

    Returns:
        The algorithm, and its states, with a leading axis of several chains.

    Warns:
        UserWarning: the burn-in had not arrived.

    Raises:
        ValueError: `ready` is not what a burn-in returned.
    """
    check_ready(ready, settings)
    algorithm = factory(logdensity, **{**ready.parameters, **settings})
    position = jax.tree.map(jnp.asarray, ready.position)
    init = algorithm.init if ready.n_chains == 1 else jax.vmap(algorithm.init)
    return algorithm, init(position)
