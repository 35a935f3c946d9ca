"""Unadjusted Langevin algorithm."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pmcmc._util.checks import check_positive
from pmcmc.kernels import metric
from pmcmc.kernels.base import GradientState
from pmcmc.kernels.metropolis import Info, always_accepted
from pmcmc.kernels.proposal import ProposalKernel


class LangevinNoise(NamedTuple):
    """Normal draw `(D,)` whose covariance is the inverse mass matrix."""

    normal: jax.Array


class Langevin(ProposalKernel):
    """Langevin step without a correction (Roberts & Tweedie, 1996).

    The next position is `x + step_size * C @ grad + sqrt(2 * step_size) * normal`, where `normal`
    has the covariance `C`, the inverse mass matrix. The stationary distribution is biased by the
    step size.

    Args:
        step_size: positive scalar, in squared units of the position over those of `C`.
        inverse_mass_matrix: `None` for the identity, a vector `(D,)`, or a matrix `(D, D)`.

    Raises:
        ValueError: `step_size` is not a positive finite number, or `inverse_mass_matrix` not
            positive definite.
    """

    step_size: float | jax.Array
    inverse_mass_matrix: Any = None

    uses_gradient = True
    metrics = ("diagonal", "dense")
    tunables = ("step_size", "inverse_mass_matrix")

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size, "Langevin(step_size=0.01)")
        metric.check_inverse_mass_matrix(self.inverse_mass_matrix)

    def draw_noise(self, rng_key: jax.Array, position: jax.Array) -> LangevinNoise:
        normal = jax.random.normal(rng_key, position.shape, position.dtype)
        return LangevinNoise(metric.scale_move(self.inverse_mass_matrix, normal))

    def propose(self, state: GradientState, noise: LangevinNoise) -> jax.Array:
        return state.position + diffuse(self, state, noise.normal)

    def decide(
        self, state: GradientState, proposal: GradientState, noise: LangevinNoise
    ) -> tuple[GradientState, Info]:
        return proposal, always_accepted(proposal.position)


def diffuse(kernel: Any, state: GradientState, normal: jax.Array) -> jax.Array:
    """The Langevin move from a state: drift and diffusion."""
    drift = kernel.step_size * metric.multiply(kernel.inverse_mass_matrix, state.logdensity_grad)
    return drift + jnp.sqrt(2 * kernel.step_size) * normal
