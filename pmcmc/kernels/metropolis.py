"""Metropolis decisions, and the kernels that evaluate a proposal once and decide."""

import abc
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pmcmc.kernels.proposal import ProposalKernel


class Info(NamedTuple):
    """What happened in one step.

    `acceptance_rate` is the Metropolis probability `min(1, ratio)`; `is_divergent` marks a
    proposal that was rejected because its log density or gradient was NaN or `+inf` (a log density
    of `-inf` is an ordinary rejection: the proposal lies outside the support).
    """

    acceptance_rate: jax.Array
    is_accepted: jax.Array
    is_divergent: jax.Array


def always_accepted(position: jax.Array) -> Info:
    """The info of a transition without a decision; scalars of the dtype of `position`."""
    return Info(jnp.ones((), position.dtype), jnp.bool_(True), jnp.bool_(False))


def accept(state: Any, proposal: Any, log_ratio: jax.Array, uniform: jax.Array) -> tuple[Any, Info]:
    """The state after a Metropolis-Hastings decision.

    Args:
        state: the current state.
        proposal: the proposed state.
        log_ratio: log of the acceptance ratio.
        uniform: the uniform draw for the decision.
    """
    is_outside = proposal.logdensity == -jnp.inf
    is_finite = jnp.isfinite(log_ratio)
    for leaf in jax.tree.leaves(proposal):
        is_finite &= jnp.all(jnp.isfinite(leaf))
    is_divergent = ~is_outside & ~is_finite
    log_ratio = jnp.where(is_outside | is_divergent, -jnp.inf, log_ratio)
    is_accepted = jnp.log(uniform) < log_ratio
    kept = jax.tree.map(lambda new, old: jnp.where(is_accepted, new, old), proposal, state)
    rate = jnp.exp(jnp.minimum(log_ratio, 0.0))
    return kept, Info(rate, is_accepted, is_divergent)


class MetropolisKernel(ProposalKernel):
    """A kernel that proposes a position from the state alone, evaluates it, and decides.

    Its noise is a named tuple with a field `uniform` for the decision.
    """

    @abc.abstractmethod
    def log_proposal_ratio(self, state: Any, proposal: Any, noise: Any) -> jax.Array | float:
        """`log q(state|proposal) - log q(proposal|state)` for the densities `q` of proposals."""

    def decide(self, state: Any, proposal: Any, noise: Any) -> tuple[Any, Info]:
        log_ratio = proposal.logdensity - state.logdensity
        log_ratio += self.log_proposal_ratio(state, proposal, noise)
        return accept(state, proposal, log_ratio, noise.uniform)
