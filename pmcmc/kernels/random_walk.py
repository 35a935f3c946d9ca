"""Random-walk Metropolis algorithm."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from pmcmc._util.checks import check_function, check_positive
from pmcmc.kernels import metric
from pmcmc.kernels.base import State
from pmcmc.kernels.draws import normals_and_uniforms
from pmcmc.kernels.leapfrog import matching_step_size
from pmcmc.kernels.metropolis import MetropolisKernel


class RandomWalkNoise(NamedTuple):
    """What a proposal adds to the position, shape `(D,)`, and a uniform draw."""

    move: jax.Array
    uniform: jax.Array


class RandomWalkMetropolis(MetropolisKernel, static=("draw",)):
    """Symmetric proposals around the position (Metropolis et al., 1953), without a gradient.

    The proposal is `x + step_size * factor @ draw(...)`, where `factor` is the Cholesky factor of
    the inverse mass matrix: with normal draws, `step_size**2` times that matrix is the covariance
    of the move.

    Args:
        step_size: positive scalar, in units of the position over those of `factor`.
        inverse_mass_matrix: `None` for the identity, a vector `(D,)`, or a matrix `(D, D)`.
        draw: `(rng_key, shape, dtype) -> array`, draws from a distribution that is symmetric around
            zero, such as `jax.random.normal`, `jax.random.laplace` or `jax.random.cauchy`.

    Raises:
        ValueError: `step_size` is not a positive finite number, `inverse_mass_matrix` not positive
            definite, or `draw` not a function.
    """

    step_size: float | jax.Array
    inverse_mass_matrix: Any = None
    draw: Callable[..., jax.Array] = jax.random.normal

    target_acceptance_rate = 0.234  # optimal as D grows: Roberts, Gelman & Gilks (1997)
    metrics = ("diagonal", "dense")
    tunables = ("step_size", "inverse_mass_matrix")

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size, "RandomWalkMetropolis(step_size=0.1)")
        metric.check_inverse_mass_matrix(self.inverse_mass_matrix)
        check_function("draw", self.draw, "jax.random.normal")

    def acceptance_rate_to_aim_at(self, dim: int) -> float:
        """0.44 in one dimension (Gelman, Roberts & Gilks, 1996), otherwise 0.234."""
        return 0.44 if dim == 1 else self.target_acceptance_rate

    def leapfrog_step_size(self, dim: int) -> float | None:
        if self.draw is not jax.random.normal:
            return None  # other distributions have other scales
        # Roberts, Gelman & Gilks (1997), with a correction for few dimensions, fitted to step sizes
        # with the target acceptance rate on a standard normal.
        on_normal = (2.38 + 2 / dim) / math.sqrt(dim)
        return matching_step_size(float(self.step_size), on_normal, dim)

    def draw_noise(self, rng_key: jax.Array, position: jax.Array) -> RandomWalkNoise:
        if self.draw is jax.random.normal:
            move, (uniform,) = normals_and_uniforms(rng_key, position.size, 1, position.dtype)
        else:
            move_key, uniform_key = jax.random.split(rng_key)
            move = self.draw(move_key, position.shape, position.dtype)
            uniform = jax.random.uniform(uniform_key, (), position.dtype)
        return RandomWalkNoise(
            # Scaled here, so a proposal is a sum, which all compiled programs round alike: with a
            # product in it, some fuse the two.
            self.step_size * metric.scale_move(self.inverse_mass_matrix, move),
            uniform,
        )

    def propose(self, state: State, noise: RandomWalkNoise) -> jax.Array:
        return state.position + noise.move

    def log_proposal_ratio(self, state: State, proposal: State, noise: RandomWalkNoise) -> float:
        return 0.0
