"""Metropolis-adjusted Langevin algorithm."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pmcmc._util.checks import check_positive
from pmcmc.kernels import metric
from pmcmc.kernels.base import GradientState
from pmcmc.kernels.draws import normals_and_uniforms
from pmcmc.kernels.langevin import diffuse
from pmcmc.kernels.leapfrog import matching_step_size
from pmcmc.kernels.metropolis import MetropolisKernel


class MALANoise(NamedTuple):
    """Normal draw `(D,)` whose covariance is the inverse mass matrix, and a uniform draw."""

    normal: jax.Array
    uniform: jax.Array


class MALA(MetropolisKernel):
    """Langevin proposal with a Metropolis correction (Roberts & Tweedie, 1996).

    The proposal is `x + step_size * C @ grad + sqrt(2 * step_size) * normal`, where `normal` has
    the covariance `C`, the inverse mass matrix: BlackJAX's parametrization.

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
    target_acceptance_rate = 0.574  # optimal as D grows: Roberts & Rosenthal (1998)
    metrics = ("diagonal", "dense")
    tunables = ("step_size", "inverse_mass_matrix")

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size, "MALA(step_size=0.01)")
        metric.check_inverse_mass_matrix(self.inverse_mass_matrix)

    def leapfrog_step_size(self, dim: int) -> float:
        # A Langevin proposal is one leapfrog step of this size. On a standard normal, the size with
        # the target acceptance rate is 1.65 / dim**(1/6): Roberts & Rosenthal (1998).
        size = math.sqrt(2 * float(self.step_size))
        return matching_step_size(size, 1.65 / dim ** (1 / 6), dim)

    def draw_noise(self, rng_key: jax.Array, position: jax.Array) -> MALANoise:
        normal, (uniform,) = normals_and_uniforms(rng_key, position.size, 1, position.dtype)
        return MALANoise(metric.scale_move(self.inverse_mass_matrix, normal), uniform)

    def propose(self, state: GradientState, noise: MALANoise) -> jax.Array:
        return state.position + diffuse(self, state, noise.normal)

    def log_proposal_ratio(
        self, state: GradientState, proposal: GradientState, noise: MALANoise
    ) -> jax.Array:
        # With the squares multiplied out: the textbook form subtracts two large norms, and in
        # float32 its rounding decides near-tied proposals.
        grads = state.logdensity_grad + proposal.logdensity_grad
        diffusion = jnp.sqrt(2 * self.step_size) * noise.normal
        drift = self.step_size * metric.multiply(self.inverse_mass_matrix, grads)
        return -jnp.sum(grads * (diffusion / 2 + drift / 4))
