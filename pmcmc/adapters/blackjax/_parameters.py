"""Results of one library's adaptation for kernels of the other."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from pmcmc.kernels import Kernel


def to_parameters(kernel: Kernel, position: Any) -> dict[str, jax.Array]:
    """Hyperparameters of a kernel as BlackJAX's adaptations return them.

    `blackjax.hmc(logdensity, **to_parameters(kernel, x0), num_integration_steps=10)` takes them. In
    the other direction, write `pmcmc.HMC(**parameters, num_integration_steps=10)`. In both
    libraries `inverse_mass_matrix` is in the order of `jax.flatten_util.ravel_pytree`. A step size
    means the same only for the same algorithm.

    Args:
        kernel: such as `result.info.kernel`, with the step size found in the warm-up.
        position: one position, for its size and dtype.

    Returns:
        `step_size`, and `inverse_mass_matrix` if the kernel has a metric: ones for the identity.

    Raises:
        ValueError: the kernel has no step size.
    """
    step_size = kernel.tunable("step_size") if isinstance(kernel, Kernel) else None
    if step_size is None:
        raise ValueError(
            f"kernel must have a step_size, got {type(kernel).__name__}: write e.g. "
            "to_parameters(pmcmc.HMC(step_size=0.1, num_integration_steps=10), x0)."
        )
    flat = ravel_pytree(position)[0]
    parameters = {"step_size": jnp.asarray(step_size, flat.dtype)}
    if "inverse_mass_matrix" in kernel.tunables:
        metric = kernel.tunable("inverse_mass_matrix")
        parameters["inverse_mass_matrix"] = (
            jnp.ones_like(flat) if metric is None else jnp.asarray(metric, flat.dtype)
        )
    return parameters
