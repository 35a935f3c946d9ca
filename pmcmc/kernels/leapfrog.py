"""The leapfrog integrator of Hamiltonian dynamics."""

from typing import Any, NamedTuple

import jax

from pmcmc.kernels import metric
from pmcmc.kernels.base import LogDensity, value_and_grad


class PhasePoint(NamedTuple):
    """Position `(D,)` and momentum `(D,)`; between steps one of them is half a step ahead.

    It is the momentum in `HMC`, and the position in `SurrogateHMC`.
    """

    position: jax.Array
    momentum: jax.Array


def matching_step_size(size: float, size_on_normal: float, dim: int) -> float:
    """The leapfrog step size for a target on which proposals of a certain size work well.

    On a standard normal target, long trajectories with step size `1.5 / dim**(1/4)` have an
    acceptance rate of 0.8 to 0.9 in any dimension (the exponent is from Beskos et al., 2013,
    "Optimal tuning of the hybrid Monte Carlo algorithm").

    Args:
        size: size of the proposals, in units of the position over those of `sqrt(C)`.
        size_on_normal: the size with the target acceptance rate on a standard normal.
        dim: number of coordinates of a position.
    """
    return 1.5 / dim**0.25 * size / size_on_normal


def kick(
    position: jax.Array, momentum: jax.Array, gradient: jax.Array, size: jax.Array | float
) -> PhasePoint:
    """Move the momentum along the gradient of the log density."""
    return PhasePoint(position, momentum + size * gradient)


def leap(
    logdensity: LogDensity, point: PhasePoint, size: Any, inverse_mass_matrix: Any
) -> PhasePoint:
    """A whole step of the position, and a whole step of the momentum with the gradient there.

    Its Jacobian is `[[I, size * C], [size * H, I + size**2 * H @ C]]` with the Hessian `H` of the
    log density at the new position and the inverse mass matrix `C`.
    """
    position = point.position + size * metric.multiply(inverse_mass_matrix, point.momentum)
    _, gradient = value_and_grad(logdensity, position)
    return kick(position, point.momentum, gradient, size)
