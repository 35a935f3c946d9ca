"""Levenberg-Marquardt damping by a Kalman filter."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pmcmc._util.checks import check_flag, check_not_negative
from pmcmc.solvers.newton.damping.base import Damping, Recurrence
from pmcmc.solvers.newton.scan import scan
from pmcmc.solvers.newton.structures import Structure
from pmcmc.solvers.place import Place, beside

_FACTOR = 4.0
_SMALLEST, _LARGEST = 1e-8, 10.0


class ELK(Damping, static=("is_adaptive",)):
    """Keep the new iterate near the old one with a Kalman filter (ELK: Gonzalez et al., 2024).

    The linearized recursion serves as the dynamics of a state with unit process noise, and the old
    iterate as an observation of it with variance `1 / regularization`. The filtered mean is the new
    iterate: a Levenberg-Marquardt step that, like the recursion, uses only the past. With a
    diagonal structure this is quasi-ELK. In terms of increments, with `P_t` the predicted
    covariance and `G_t` the inverse of `I + regularization * P_t`, the recurrence becomes `y_t =
    G_t (A_t y_{t-1} + b_t)`, whose matrices are at most `|A_t| / (1 + regularization)`. Nothing is
    divided by the regularization, so zero is allowed: it means no damping.

    Args:
        regularization: the penalty on the square of the increment, `lambda` in the literature, 0 or
            more; the first value if the filter is adaptive.
        is_adaptive: whether the regularization is divided by 4 after every sweep that did not raise
            the merit (the sum of squared residuals) and did not overflow, and multiplied by 4 after
            every other sweep, from 1e-8 to 10. Values outside would not help: a step that uses only
            the past can raise the merit however short it is. Also, each step has its own value: the
            regularization times the largest residual up to this step over the root mean square of
            all residuals, at most 1. Being proportional to the residual, it keeps convergence
            quadratic (Fan and Yuan, 2005), and the first unfinished steps, which hold up all
            others, are hardly damped.

    Raises:
        ValueError: `regularization` is negative or not finite, or `is_adaptive` not a bool.
    """

    regularization: float | jax.Array = 0.1
    is_adaptive: bool = False

    def __post_init__(self) -> None:
        check_not_negative("regularization", self.regularization, "ELK(regularization=0.1)")
        check_flag("is_adaptive", self.is_adaptive)

    def init(self, dtype: Any) -> Any:
        return jnp.asarray(self.regularization, dtype) if self.is_adaptive else ()

    def adapt(self, state: Any, before: jax.Array, now: jax.Array) -> Any:
        if not self.is_adaptive:
            return state
        smaller = jnp.maximum(state / _FACTOR, _SMALLEST)
        larger = jnp.minimum(state * _FACTOR, _LARGEST)
        is_known = before >= 0  # neither NaN nor UNKNOWN
        return jnp.where(is_known, jnp.where(now <= before, smaller, larger), state)

    def damp(self, structure: Structure, recurrence: Recurrence, state: Any) -> Recurrence:
        penalty = state if self.is_adaptive else self.regularization
        penalty = jnp.asarray(penalty, recurrence.offsets.dtype)
        # Covariances are squares of the matrices, of which products have to be finite.
        bound = jnp.finfo(penalty.dtype).max ** 0.2
        shares = jnp.ones(len(recurrence.offsets), penalty.dtype)
        if self.is_adaptive:
            shares = _shares(recurrence.offsets, recurrence.place)
        matrices = jax.tree.map(lambda leaf: jnp.clip(leaf, -bound, bound), recurrence.matrices)
        gains = _gains(structure, matrices, penalty * shares, recurrence.place)
        return recurrence._replace(
            matrices=jax.vmap(structure.compose)(gains, matrices),
            offsets=jax.vmap(structure.apply)(gains, recurrence.offsets),
        )


def _shares(residuals: jax.Array, place: Place) -> jax.Array:
    """The largest residual up to each row over the root mean square of all, at most 1.

    Residuals that are not finite are larger than all others. Squares are taken in units of the
    largest residual, so that they do not overflow.
    """
    sizes = jnp.max(jnp.abs(residuals), axis=-1)
    is_finite = jnp.isfinite(sizes)
    known = jnp.where(is_finite, sizes, 0.0)
    largest = place.max(jnp.max(known))
    relative = known / jnp.where(largest > 0, largest, 1.0)
    mean = jnp.sqrt(place.sum(jnp.sum(relative**2)) / place.size(len(sizes)))
    so_far = scan(jnp.maximum, jnp.where(is_finite, relative, jnp.inf), place)
    return jnp.minimum(so_far / jnp.where(mean > 0, mean, 1.0), 1.0)


class _Element(NamedTuple):
    """A stretch of the filter without its means (Sarkka & Garcia-Fernandez, 2021, lemma 8).

    Given the state before the stretch, the state at its end has this transition matrix and
    covariance; its observations say this much (information) about the state before it.
    """

    transition: Any
    covariance: Any
    information: Any


def _gains(structure: Structure, matrices: Any, penalties: jax.Array, place: Place) -> Any:
    """`G_t`, the inverses of identity plus the step's penalty times predicted covariance.

    The state before the first step is known and the first step exact: its gain is the identity.
    """

    def sandwich(outer: Any, inner: Any) -> Any:
        product = structure.compose(structure.compose(outer, inner), structure.transpose(outer))
        return _symmetric(structure, product)

    def element(matrix: Any, penalty: jax.Array) -> _Element:
        shrink = 1 / (1 + penalty)
        return _Element(
            transition=structure.times(matrix, shrink),
            covariance=structure.times(structure.identity_like(matrix), shrink),
            information=structure.times(
                structure.compose(structure.transpose(matrix), matrix), penalty * shrink
            ),
        )

    def combine(earlier: _Element, later: _Element) -> _Element:
        both = structure.compose(earlier.covariance, later.information)
        resolvent = structure.resolvent(both)
        through = structure.compose(later.transition, resolvent)
        back = structure.compose(structure.transpose(earlier.transition), later.information)
        return _Element(
            transition=structure.compose(through, earlier.transition),
            covariance=structure.add(
                _symmetric(
                    structure,
                    structure.compose(
                        structure.compose(through, earlier.covariance),
                        structure.transpose(later.transition),
                    ),
                ),
                later.covariance,
            ),
            information=structure.add(
                _symmetric(
                    structure,
                    structure.compose(structure.compose(back, resolvent), earlier.transition),
                ),
                earlier.information,
            ),
        )

    def gain(matrix: Any, covariance: Any, penalty: jax.Array) -> Any:
        predicted = structure.add(sandwich(matrix, covariance), structure.identity_like(matrix))
        return structure.resolvent(structure.times(predicted, penalty))

    elements = jax.vmap(element)(matrices, penalties)
    # Nothing is uncertain at the first step, and what is before it does not matter.
    is_first = place.order(len(jax.tree.leaves(matrices)[0])) == 0
    known = jax.tree.map(lambda leaf: jnp.where(beside(is_first, leaf), 0.0, leaf), elements)
    covariances = scan(combine, known, place).covariance
    before = jax.tree.map(lambda leaf: place.before(leaf, jnp.zeros_like(leaf[0])), covariances)
    gains = jax.vmap(gain)(matrices, before, penalties)
    first = structure.identity_like(jax.tree.map(lambda leaf: leaf[0], matrices))
    return jax.tree.map(lambda x, one: jnp.where(beside(is_first, x), one, x), gains, first)


def _symmetric(structure: Structure, matrix: Any) -> Any:
    """The matrix, whose asymmetry is rounding, without it."""
    both = structure.add(matrix, structure.transpose(matrix))
    return jax.tree.map(lambda leaf: leaf / 2, both)
