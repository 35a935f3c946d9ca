"""Metropolis-adjusted Langevin algorithm."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from pmcmc._checks import check_positive
from pmcmc.kernels.base import Kernel, LogDensity


class MALAState(NamedTuple):
    """Position `(D,)`, log density there, and its gradient `(D,)`."""

    position: jax.Array
    logdensity: jax.Array
    logdensity_grad: jax.Array


class MALANoise(NamedTuple):
    """Standard normal draw `(D,)` of the proposal, uniform draw of the decision."""

    normal: jax.Array
    uniform: jax.Array


class MALAInfo(NamedTuple):
    """What happened in one step.

    `acceptance_rate` is the Metropolis probability `min(1, ratio)`; `is_divergent` marks a
    proposal that was rejected because its log density or gradient was NaN or `+inf` (a log density
    of `-inf` is an ordinary rejection: the proposal lies outside the support).
    """

    acceptance_rate: jax.Array
    is_accepted: jax.Array
    is_divergent: jax.Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MALA(Kernel):
    """Langevin proposal with a Metropolis correction (Roberts & Tweedie, 1996).

    The proposal is `x + step_size * grad + sqrt(2 * step_size) * normal`, the parametrisation of
    BlackJAX.

    Args:
        step_size: positive scalar, in squared units of the position.

    Raises:
        ValueError: `step_size` is not a positive finite number.
    """

    step_size: float | jax.Array

    target_acceptance_rate = 0.574  # optimal as D grows: Roberts & Rosenthal (1998)

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size, "MALA(step_size=0.01)")

    def init(self, logdensity: LogDensity, position: jax.Array) -> MALAState:
        return MALAState(position, *jax.value_and_grad(logdensity)(position))

    def draw_noise(self, rng_key: jax.Array, position: jax.Array) -> MALANoise:
        normal_key, uniform_key = jax.random.split(rng_key)
        return MALANoise(
            jax.random.normal(normal_key, position.shape, position.dtype),
            jax.random.uniform(uniform_key, (), position.dtype),
        )

    def transition(
        self, logdensity: LogDensity, state: MALAState, noise: MALANoise
    ) -> tuple[MALAState, MALAInfo]:
        diffusion = jnp.sqrt(2 * self.step_size) * noise.normal
        drifted = state.position + self.step_size * state.logdensity_grad
        proposal = self.init(logdensity, drifted + diffusion)

        # log q(x|p) - log q(p|x) with the squares multiplied out: the textbook form subtracts two
        # large norms, and in float32 its rounding decides near-tied proposals.
        grads = state.logdensity_grad + proposal.logdensity_grad
        correction = jnp.sum(grads * (diffusion / 2 + self.step_size / 4 * grads))
        log_ratio = proposal.logdensity - state.logdensity - correction

        is_outside = proposal.logdensity == -jnp.inf
        is_finite = jnp.isfinite(log_ratio) & jnp.all(jnp.isfinite(proposal.logdensity_grad))
        is_divergent = ~is_outside & ~is_finite
        log_ratio = jnp.where(is_outside | is_divergent, -jnp.inf, log_ratio)
        is_accepted = jnp.log(noise.uniform) < log_ratio

        state = jax.tree.map(lambda new, old: jnp.where(is_accepted, new, old), proposal, state)
        return state, MALAInfo(jnp.exp(jnp.minimum(log_ratio, 0.0)), is_accepted, is_divergent)
