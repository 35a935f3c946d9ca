"""The mode of a log density."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc._util.products import product
from pmcmc._util.programs import jit_of_function
from pmcmc.kernels import value_and_grad

_MOST_STEPS = 500  # near the mode is good enough
# Limits of the first step, since the scale is not known yet: its expected gain, and its length
# relative to that of the position.
_FIRST_GAIN, _FIRST_LENGTH = 1e-4, 1e-6
_LEAST_GAIN = 1e-10  # the search ends if a step is expected to gain less
_LEAST_SHARE = 1e-4  # a step is taken if it gains at least this share of what was expected


class Summit(NamedTuple):
    """Where a climb ended, and the shape of the log density there.

    Args:
        position: shape `(D,)`.
        covariance: an estimate of the inverse of minus the Hessian, shape `(D, D)`.
    """

    position: jax.Array
    covariance: jax.Array


class _Search(NamedTuple):
    position: jax.Array  # (D,)
    value: jax.Array
    gradient: jax.Array  # (D,)
    covariance: jax.Array  # estimate of the inverse of minus the Hessian, (D, D)
    longest: jax.Array  # most length of the next step
    n_steps: jax.Array
    is_bent: jax.Array  # whether a curvature has been seen


def find_mode(logdensity: Any, position: jax.Array) -> jax.Array:
    """Where a climb from `position` ends, shape `(D,)`; see `climb`."""
    return climb(logdensity, position).position


def climb(logdensity: Any, position: jax.Array) -> Summit:
    """Climb from `position` toward a mode; stay at `position` if nothing better is found.

    This is BFGS with one evaluation per step. A step that does not improve, or whose value or
    gradient is not finite, is not taken, and the next one is at most a quarter as long. Otherwise
    the next one is at most twice as long. There is no line search: it may go any distance, and a
    log density that solves an equation adaptively may never return from there.

    Args:
        logdensity: of a flat position.
        position: the start, shape `(D,)`.
    """

    def evaluate(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        value, gradient = value_and_grad(logdensity, x)
        return value.astype(x.dtype), gradient

    value, gradient = evaluate(position)
    length = jnp.linalg.norm(gradient)
    gain = jnp.maximum(_FIRST_GAIN, 100 * jnp.finfo(value.dtype).eps * jnp.abs(value))
    first = _FIRST_LENGTH * jnp.maximum(1.0, jnp.max(jnp.abs(position)))
    first = jnp.minimum(first, gain / length)
    covariance = jnp.eye(position.size, dtype=position.dtype) * (first / length)
    search = _Search(
        position, value, gradient, covariance, first, jnp.int32(0), jnp.zeros((), bool)
    )
    search = lax.while_loop(_goes_on, functools.partial(_climb, evaluate), search)
    return Summit(search.position, search.covariance)


@jit_of_function()
def climb_all(logdensity: Any, positions: jax.Array) -> Summit:
    """`climb` from several starts, shape `(chain, D)`."""
    return jax.vmap(lambda position: climb(logdensity, position))(positions)


def _goes_on(search: _Search) -> jax.Array:
    move = _move(search)
    gain = product(search.gradient, product(search.covariance, search.gradient))
    epsilon = jnp.finfo(gain.dtype).eps
    is_over = search.is_bent & (gain <= jnp.maximum(_LEAST_GAIN, epsilon))
    is_still = jnp.all(jnp.abs(move) <= epsilon * jnp.abs(search.position))
    # A gradient that is zero, or a start that is not finite, makes the gain NaN.
    return (search.n_steps < _MOST_STEPS) & (gain > 0) & ~is_over & ~is_still


def _move(search: _Search) -> jax.Array:
    direction = product(search.covariance, search.gradient)
    return direction * jnp.minimum(1.0, search.longest / jnp.linalg.norm(direction))


def _climb(evaluate: Any, search: _Search) -> _Search:
    """One step, taken or not."""
    move = _move(search)
    length = jnp.linalg.norm(move)
    position = search.position + move
    value, gradient = evaluate(position)
    rounding = 10 * jnp.finfo(value.dtype).eps * jnp.abs(search.value)
    least = search.value + _LEAST_SHARE * product(search.gradient, move) - rounding
    is_finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient))
    is_taken = is_finite & (value >= least)
    bend = search.gradient - gradient
    curvature = product(move, bend)
    is_bent = is_finite & (curvature > 0)
    before = search.covariance
    start = jnp.eye(len(move), dtype=move.dtype) * (curvature / product(bend, bend))
    updated = _updated(jnp.where(search.is_bent, before, start), move, bend)
    unbent = jnp.where(is_taken, 2 * before, before)
    new = _Search(
        position,
        value,
        gradient,
        jnp.where(is_bent & jnp.all(jnp.isfinite(updated)), updated, unbent),
        jnp.where(is_taken, 2 * length, length / 4),
        search.n_steps + 1,
        search.is_bent | is_bent,
    )
    stays = search._replace(
        covariance=new.covariance, longest=new.longest, n_steps=new.n_steps, is_bent=new.is_bent
    )
    return jax.tree.map(lambda x, y: jnp.where(is_taken, x, y), new, stays)


def _updated(covariance: jax.Array, move: jax.Array, bend: jax.Array) -> jax.Array:
    """The BFGS update of the covariance for a move and the change of the gradient along it."""
    curvature = product(move, bend)
    image = product(covariance, bend)
    cross = jnp.outer(move, image)
    weight = (1 + product(bend, image) / curvature) / curvature
    return covariance - (cross + cross.T) / curvature + weight * jnp.outer(move, move)
