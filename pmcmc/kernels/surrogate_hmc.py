"""Hamiltonian proposals along a surrogate."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._util.checks import (
    check_count,
    check_positive,
    check_share,
    is_among,
    is_concrete,
)
from pmcmc.kernels import metric
from pmcmc.kernels.base import Kernel, Parts, State
from pmcmc.kernels.draws import normals_and_uniforms
from pmcmc.kernels.leapfrog import PhasePoint, kick
from pmcmc.kernels.metropolis import Info, accept
from pmcmc.kernels.proposal import ProposalKernel
from pmcmc.kernels.random_walk import RandomWalkMetropolis
from pmcmc.surrogates import PolynomialSurrogate, as_surrogate
from pmcmc.surrogates.fit import MOST_DIM


class SurrogateHMCNoise(NamedTuple):
    """Draws for one step.

    Args:
        momentum: normal `(D,)` whose covariance is the mass matrix.
        move: what a random-walk proposal adds to the position, from the same draw.
        uniform: for the decision.
        jitter: for the step size.
        choice: for the kind of proposal.
    """

    momentum: jax.Array
    move: jax.Array
    uniform: jax.Array
    jitter: jax.Array
    choice: jax.Array


class SurrogateHMC(ProposalKernel):
    """Trajectories of a surrogate as proposals, accepted by the exact log density.

    Leapfrog trajectories are reversible and preserve volume for any surrogate. So accepting with
    `exp(l(p) - l(x) + K(v) - K(w))`, where `l` is the exact log density and `K` the kinetic energy,
    leaves the target invariant (Rasmussen, 2003; Liu, 2001, section 9.4.3). Each step takes one
    value of the log density and no gradient. Some steps, chosen by the noise, are random-walk
    proposals: they help where the surrogate is too low.

    Args:
        surrogate: stand-in for the log density: a `pmcmc.surrogates.Surrogate`, a function of the
            position such as a coarser solver of the same differential equation, or `"auto"` for one
            that the warm-up fits to all of its evaluations; the warm-up then also chooses step
            size, number of leapfrog steps, metric and share of random-walk proposals.
        step_size: positive scalar, in units of the position over those of `sqrt(C)`, where `C` is
            the inverse mass matrix.
        num_integration_steps: number of leapfrog steps in a trajectory; each takes one gradient of
            the surrogate.
        inverse_mass_matrix: `None` for the identity, a vector `(D,)`, or a matrix `(D, D)`.
        jitter: the step size of a trajectory is uniform on `(1 - jitter, 1 + jitter)` times
            `step_size`.
        random_walk_share: probability of a random-walk proposal.
        random_walk_step_size: its step size, in the same units; `None` for `2.38 / sqrt(D)`, or for
            `step_size` if all proposals are random-walk proposals.

    Raises:
        ValueError: an argument is out of range.
    """

    surrogate: Any = "auto"
    step_size: float | jax.Array = 0.3
    num_integration_steps: int | jax.Array = 5
    inverse_mass_matrix: Any = None
    jitter: float | jax.Array = 0.5
    random_walk_share: float | jax.Array = 0.15
    random_walk_step_size: float | jax.Array | None = None

    target_acceptance_rate = 0.7  # random-walk proposals included
    metrics = ("diagonal", "dense")
    tunables = ("step_size", "inverse_mass_matrix")

    def __post_init__(self) -> None:
        example = "SurrogateHMC(surrogate, step_size=0.5)"
        if not is_among(self.surrogate, "auto"):
            object.__setattr__(self, "surrogate", as_surrogate(self.surrogate))
        check_positive("step_size", self.step_size, example)
        if is_concrete(self.num_integration_steps):
            check_count("num_integration_steps", self.num_integration_steps)
        metric.check_inverse_mass_matrix(self.inverse_mass_matrix)
        if is_concrete(self.jitter):
            check_share("jitter", self.jitter, "jitter=0.5")
        if is_concrete(self.random_walk_share):
            share = self.random_walk_share
            check_share("random_walk_share", share, "random_walk_share=0.15", is_whole_allowed=True)
        if self.random_walk_step_size is not None:
            check_positive("random_walk_step_size", self.random_walk_step_size, "0.5")

    def draw_noise(self, rng_key: jax.Array, position: jax.Array) -> SurrogateHMCNoise:
        normal, uniforms = normals_and_uniforms(rng_key, position.size, 3, position.dtype)
        walk_step_size = self._walk_step_size(position.size)
        return SurrogateHMCNoise(
            metric.scale_momentum(self.inverse_mass_matrix, normal),
            walk_step_size * metric.scale_move(self.inverse_mass_matrix, normal),
            *uniforms,
        )

    def propose(self, state: State, noise: SurrogateHMCNoise) -> jax.Array:
        return self.propose_and_keep(state, noise)[0]

    def propose_and_keep(
        self, state: State, noise: SurrogateHMCNoise
    ) -> tuple[jax.Array, jax.Array]:
        """The proposal, and the decrease in kinetic energy."""
        is_walk = noise.choice < self.random_walk_share
        last = self._trajectory(PhasePoint(state.position, noise.momentum), noise.jitter, is_walk)
        lost = noise.momentum - last.momentum
        mean = metric.multiply(self.inverse_mass_matrix, noise.momentum + last.momentum) / 2
        return (
            jnp.where(is_walk, state.position + noise.move, last.position),
            jnp.where(is_walk, 0.0, jnp.sum(lost * mean)),
        )

    def _trajectory(self, start: PhasePoint, jitter: jax.Array, is_walk: jax.Array) -> PhasePoint:
        """The end of the trajectory; not used for a random-walk proposal, and without gradients.

        The position moves half a step first and last, and the momentum in whole steps. So `n`
        leapfrog steps take `n` gradients, and the program contains the surrogate only once.
        """
        step_size = self.step_size * (1 + self.jitter * (2 * jitter - 1))
        n_steps = jnp.where(is_walk, 0, self.num_integration_steps)

        def moved(point: PhasePoint, size: jax.Array) -> PhasePoint:
            velocity = metric.multiply(self.inverse_mass_matrix, point.momentum)
            return point._replace(position=point.position + size * velocity)

        def kick_and_move(i: int, point: PhasePoint) -> PhasePoint:
            kicked = kick(*point, jax.grad(self.surrogate)(point.position), step_size)
            return moved(kicked, jnp.where(i < n_steps - 1, step_size, step_size / 2))

        first = moved(start, step_size / 2)
        end: PhasePoint = jax.lax.fori_loop(0, n_steps, kick_and_move, first)
        return end

    def _walk_step_size(self, dim: int) -> float | jax.Array:
        if self.random_walk_step_size is not None:
            return self.random_walk_step_size
        usual = 2.38 / dim**0.5  # Roberts, Gelman & Gilks (1997)
        return jnp.where(jnp.asarray(self.random_walk_share) < 1, usual, self.step_size)

    def decide(self, state: State, proposal: State, noise: SurrogateHMCNoise) -> tuple[State, Info]:
        return self._decide(state, proposal, self.propose_and_keep(state, noise)[1], noise)

    def _decide(
        self, state: Any, proposal: Any, kinetic: jax.Array, noise: SurrogateHMCNoise
    ) -> tuple[Any, Info]:
        log_ratio = proposal.logdensity - state.logdensity + kinetic
        return accept(state, proposal, log_ratio, noise.uniform)

    def surrogate_of_logdensity(self) -> Any:
        return None if self._is_random_walk else self.surrogate

    def acceptance_rate_to_aim_at(self, dim: int) -> float:
        if self._is_random_walk:
            return RandomWalkMetropolis(0.1).acceptance_rate_to_aim_at(dim)
        return self.target_acceptance_rate

    @property
    def _is_random_walk(self) -> bool:
        """Whether all proposals are known to be random-walk proposals."""
        return is_concrete(self.random_walk_share) and np.array_equal(self.random_walk_share, 1)

    def preliminary(self, dim: int) -> Kernel | None:
        if not is_among(self.surrogate, "auto"):
            return None
        if dim > MOST_DIM:
            raise ValueError(
                f"surrogate='auto' is a polynomial in at most {MOST_DIM} numbers, got {dim}: write "
                "kernel='hmc', or a surrogate of your own."
            )
        # A random walk in the form of the later kernel, so both share one compiled program.
        return dataclasses.replace(
            self,
            surrogate=PolynomialSurrogate.normal(np.zeros(dim), np.eye(dim)),
            step_size=0.1,
            num_integration_steps=1,
            random_walk_share=1.0,
            random_walk_step_size=None,
        )

    def flatten(self, unravel: Callable[[jax.Array], Any]) -> Kernel:
        if is_among(self.surrogate, "auto"):
            return self
        return dataclasses.replace(self, surrogate=self.surrogate.flatten(unravel))

    def parts(self) -> Parts:
        return Parts(self.propose_and_keep, self.evaluate, self._decide, True)
