"""NumPyro's adapted state for our kernels, and our final state for NumPyro's samplers."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from pmcmc._util.checks import check_count
from pmcmc.kernels import HMC, Kernel


class Adapted(NamedTuple):
    """The result of a warm-up of NumPyro's HMC or NUTS.

    Args:
        position: the unconstrained position, with a leading axis if there are several chains.
        step_size: geometric mean over chains.
        inverse_mass_matrix: mean over chains, `(D,)` or `(D, D)`, in the order of our positions.
    """

    position: Any
    step_size: float
    inverse_mass_matrix: np.ndarray

    def hmc(self, num_integration_steps: int, jitter: float = 0.0) -> HMC:
        """Our HMC with these hyperparameters.

        Args:
            num_integration_steps: number of leapfrog steps in a trajectory.
            jitter: as in `pmcmc.HMC`.
        """
        check_count("num_integration_steps", num_integration_steps)
        return HMC(self.step_size, num_integration_steps, self.inverse_mass_matrix, jitter)


class ChainState(NamedTuple):
    """The end of a run of one of our kernels: the `last_state` of an `MCMC` with `ModelKernel`.

    Args:
        position: unconstrained, with a leading axis if there are several chains.
        kernel: with its hyperparameters.
        rng_key: for the next steps.
    """

    position: Any
    kernel: Kernel
    rng_key: jax.Array


def from_state(state: Any) -> Adapted:
    """What NumPyro adapted, from its `HMCState`.

    Args:
        state: `last_state` or `post_warmup_state` of a `numpyro.infer.MCMC` with HMC or NUTS, for
            one chain or several.

    Raises:
        ValueError: it is another kind of state.
    """
    if not hasattr(state, "adapt_state") or not hasattr(state, "z"):
        raise ValueError(
            f"state must be an HMCState of NumPyro, got {type(state).__name__}: write "
            "from_state(mcmc.last_state), after mcmc.run(...) of numpyro.infer.NUTS or HMC."
        )
    has_chains = jnp.ndim(state.i) > 0
    step_sizes = np.asarray(_step_size(state), np.float64)
    blocks = state.adapt_state.inverse_mass_matrix
    first = jax.tree.map(lambda leaf: leaf[0], state.z) if has_chains else state.z
    if has_chains:
        blocks = jax.tree.map(lambda block: jnp.mean(block, axis=0), blocks)
    return Adapted(
        position=jax.tree.map(np.asarray, state.z),
        step_size=float(np.exp(np.log(step_sizes).mean())),
        inverse_mass_matrix=_matrix(blocks, first),
    )


def to_state(state: Any, final_state: Any, rng_key: jax.Array | None = None) -> Any:
    """NumPyro's state at the end of our chains, from which its NUTS or HMC can continue.

    `mcmc.post_warmup_state = to_state(mcmc.last_state, result.final_state)`, then
    `mcmc.run(mcmc.post_warmup_state.rng_key)`: step size and mass matrix are those of `state`.

    Args:
        state: an `HMCState` of NumPyro, with the same number of chains.
        final_state: `result.final_state` of a kernel with gradients.
        rng_key: for NumPyro's steps; `None` to keep that of `state`.

    Raises:
        ValueError: the kernel has no gradients, or its state has other sites or chains.
    """
    if not hasattr(final_state, "logdensity_grad"):
        raise ValueError(
            "final_state must hold logdensity_grad, which NumPyro's next step starts from, got "
            f"{type(final_state).__name__}: write init_params=result.final_state.position in "
            "mcmc.run(...)."
        )
    expected, got = (jax.tree.map(jnp.shape, z) for z in (state.z, final_state.position))
    if expected != got:
        raise ValueError(
            f"final_state must have the sites and chains of state, {expected}, got {got}: run "
            "both with the same model and number of chains."
        )
    key = state.rng_key
    if rng_key is not None:
        key = rng_key if jnp.ndim(state.i) == 0 else jax.random.split(rng_key, len(state.i))
    return state._replace(
        z=jax.tree.map(jnp.asarray, final_state.position),
        z_grad=jax.tree.map(lambda leaf: -jnp.asarray(leaf), final_state.logdensity_grad),
        potential_energy=-jnp.asarray(final_state.logdensity),
        rng_key=key,
        adapt_state=state.adapt_state._replace(step_size=_step_size(state)),
    )


def _step_size(state: Any) -> jax.Array:
    """The step size, capped at the length of a trajectory.

    NumPyro's HMC shortens a step that exceeds the length of its trajectories. The step size then
    has no effect, and its adaptation may run away.
    """
    step_size: jax.Array = state.adapt_state.step_size
    length = state.trajectory_length
    return step_size if length is None else jnp.minimum(step_size, length)


def _matrix(blocks: Any, position: Any) -> np.ndarray:
    """The inverse mass matrix in the order of flat positions, from blocks by site."""
    if not isinstance(blocks, Mapping):
        return np.asarray(blocks)
    flat, unravel = ravel_pytree(position)
    order = jax.tree.map(np.asarray, unravel(jnp.arange(flat.size, dtype=flat.dtype)))
    places = [
        np.concatenate([order[name].ravel() for name in names]).astype(int) for names in blocks
    ]
    if all(jnp.ndim(block) == 1 for block in blocks.values()):
        diagonal = np.zeros(flat.size, flat.dtype)
        for place, block in zip(places, blocks.values(), strict=True):
            diagonal[place] = block
        return diagonal
    matrix = np.zeros((flat.size, flat.size), flat.dtype)
    for place, block in zip(places, blocks.values(), strict=True):
        matrix[np.ix_(place, place)] = np.diag(block) if jnp.ndim(block) == 1 else block
    return matrix
