"""Hamiltonian Monte Carlo."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pmcmc._util.checks import check_positive, check_share, store_count
from pmcmc.kernels import metric
from pmcmc.kernels.base import GradientState, InnerSteps, Kernel, LogDensity
from pmcmc.kernels.draws import normals_and_uniforms
from pmcmc.kernels.leapfrog import PhasePoint, kick, leap
from pmcmc.kernels.metropolis import accept


class HMCNoise(NamedTuple):
    """Momentum `(D,)`, uniform draws for the decision and for the length of the trajectory."""

    momentum: jax.Array
    uniform: jax.Array
    jitter: jax.Array


class HMCInfo(NamedTuple):
    """What happened in one step.

    Args:
        acceptance_rate: Metropolis probability `min(1, ratio)`.
        is_accepted: whether the end of the trajectory was accepted.
        is_divergent: whether the energy error exceeded the threshold, or was not finite.
        energy: Hamiltonian at the end of the trajectory if accepted, otherwise at its start.
        energy_error: Hamiltonian at the end minus at the start, `inf` if it is not finite.
        num_integration_steps: number of leapfrog steps in the trajectory.
    """

    acceptance_rate: jax.Array
    is_accepted: jax.Array
    is_divergent: jax.Array
    energy: jax.Array
    energy_error: jax.Array
    num_integration_steps: jax.Array


class HMC(Kernel, static=("num_integration_steps", "jitter")):
    """Hamiltonian Monte Carlo with the leapfrog integrator (Duane et al., 1987; Neal, 2011).

    It runs in parallel in time in two ways. With most solvers, the recursion runs over the chain
    and a step is a whole trajectory. With `"block"` (2 x 2 blocks of diagonals), the recursion runs
    over a trajectory and a step is a leapfrog step; this pays off only for long trajectories.

    Args:
        step_size: positive scalar, in units of the position over those of `sqrt(C)`, where `C` is
            the inverse mass matrix.
        num_integration_steps: number of leapfrog steps in a trajectory.
        inverse_mass_matrix: `None` for the identity, a vector `(D,)`, or a matrix `(D, D)`.
        jitter: the length of a trajectory is uniform on `(1 - jitter, 1 + jitter)` times
            `num_integration_steps`, rounded; 0 for a fixed length.
        divergence_threshold: energy error above which a transition counts as divergent.

    Raises:
        ValueError: an argument is out of range.
    """

    step_size: float | jax.Array
    num_integration_steps: int
    inverse_mass_matrix: Any = None
    jitter: float = 0.0
    divergence_threshold: float | jax.Array = 1000.0

    uses_gradient = True
    target_acceptance_rate = 0.8  # as in Stan: above the optimum of 0.651, but more robust
    metrics = ("diagonal", "dense")
    tunables = ("step_size", "inverse_mass_matrix")

    def __post_init__(self) -> None:
        example = "HMC(step_size=0.1, num_integration_steps=10)"
        check_positive("step_size", self.step_size, example)
        store_count(self, "num_integration_steps")
        metric.check_inverse_mass_matrix(self.inverse_mass_matrix)
        check_share("jitter", self.jitter, "jitter=0.2")
        object.__setattr__(self, "jitter", float(self.jitter))  # static, so it must be hashable
        check_positive("divergence_threshold", self.divergence_threshold, "1000.0")

    @property
    def max_integration_steps(self) -> int:
        """The largest number of leapfrog steps in a trajectory."""
        return max(1, round(self.num_integration_steps * (1 + self.jitter)))

    def evaluations_per_step(self) -> float:
        return float(self.num_integration_steps)

    def leapfrog_step_size(self, dim: int) -> float:
        return float(self.step_size)

    def draw_noise(self, rng_key: jax.Array, position: jax.Array) -> HMCNoise:
        normal, uniforms = normals_and_uniforms(rng_key, position.size, 2, position.dtype)
        return HMCNoise(metric.scale_momentum(self.inverse_mass_matrix, normal), *uniforms)

    def transition(
        self, logdensity: LogDensity, state: GradientState, noise: HMCNoise
    ) -> tuple[GradientState, HMCInfo]:
        point = self.start(state, noise)
        # With a plain number as bound, the loop can also be differentiated in reverse mode.
        n_leaps = self.n_steps(noise) - 1 if self.jitter else self.num_integration_steps - 1
        end = jax.lax.fori_loop(0, n_leaps, lambda _, p: self.leap(logdensity, p), point)
        return self.finish(logdensity, state, noise, end)

    def inner_steps(self, logdensity: LogDensity) -> InnerSteps:
        def start(state: GradientState, noise: HMCNoise) -> jax.Array:
            return jnp.concatenate(self.start(state, noise))

        def step(point: jax.Array, noise: HMCNoise, index: jax.Array) -> jax.Array:
            moved = jnp.concatenate(self.leap(logdensity, PhasePoint(*jnp.split(point, 2))))
            return jnp.where(index < self.n_steps(noise) - 1, moved, point)

        def finish(state: GradientState, noise: HMCNoise, point: jax.Array) -> tuple[Any, Any]:
            return self.finish(logdensity, state, noise, PhasePoint(*jnp.split(point, 2)))

        return InnerSteps(max(self.max_integration_steps - 1, 1), start, step, finish)

    def n_steps(self, noise: HMCNoise) -> jax.Array:
        """Number of leapfrog steps in the trajectory."""
        factor = 1 + self.jitter * (2 * noise.jitter - 1)
        n_steps = jnp.round(self.num_integration_steps * factor).astype(jnp.int32)
        return jnp.maximum(n_steps, 1)

    def start(self, state: GradientState, noise: HMCNoise) -> PhasePoint:
        """The first half step of the momentum."""
        return kick(state.position, noise.momentum, state.logdensity_grad, self.step_size / 2)

    def leap(self, logdensity: LogDensity, point: PhasePoint) -> PhasePoint:
        """One of the `n_steps - 1` whole steps that follow."""
        return leap(logdensity, point, self.step_size, self.inverse_mass_matrix)

    def finish(
        self, logdensity: LogDensity, state: GradientState, noise: HMCNoise, point: PhasePoint
    ) -> tuple[GradientState, HMCInfo]:
        """The last step of the trajectory and the decision about its end."""
        velocity = metric.multiply(self.inverse_mass_matrix, point.momentum)
        proposal = self.init(logdensity, point.position + self.step_size * velocity)
        momentum = point.momentum + self.step_size / 2 * proposal.logdensity_grad

        def kinetic(first: jax.Array, second: jax.Array) -> jax.Array:
            return jnp.sum(first * metric.multiply(self.inverse_mass_matrix, second)) / 2

        # The difference of the squares as a product, which loses no digits.
        gain = kinetic(momentum - noise.momentum, momentum + noise.momentum)
        energy_error = state.logdensity - proposal.logdensity + gain
        energy_error = jnp.where(jnp.isnan(energy_error), jnp.inf, energy_error)
        kept, info = accept(state, proposal, -energy_error, noise.uniform)
        energy = kinetic(noise.momentum, noise.momentum) - state.logdensity
        return kept, HMCInfo(
            acceptance_rate=info.acceptance_rate,
            is_accepted=info.is_accepted,
            is_divergent=info.is_divergent | (energy_error > self.divergence_threshold),
            energy=energy + jnp.where(info.is_accepted, energy_error, 0.0),
            energy_error=energy_error,
            num_integration_steps=self.n_steps(noise),
        )
