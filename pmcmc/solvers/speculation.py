"""Sweeps that predict what steps propose, evaluate all proposals at once, and verify.

The only thing that a step of a Metropolis kernel needs from the log density is what is known at its
proposal. Nothing about the result depends on the predictions, only the number of sweeps does
(predictive prefetching: Brockwell, 2006; Angelino et al., 2014).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc.solvers.base import Parts, Recursion
from pmcmc.solvers.method import Cost, Method, Swept
from pmcmc.solvers.tolerance import tolerance_of_moves
from pmcmc.solvers.window import Carry, Sequence, View

_UNROLL = 4


class _Evaluated(NamedTuple):
    """Proposals that were evaluated, leading axis `W`.

    Args:
        point: where, shape `(W, D)`.
        exact: what the log density says there.
        guessed: what the surrogate says there.
    """

    point: jax.Array
    exact: Any
    guessed: Any


class _Predicted(NamedTuple):
    """What steps are predicted to do, leading axis `W`.

    Args:
        point: the proposal, shape `(W, D)`.
        kept: what else decisions need to know of proposals.
        guessed: what the surrogate says of the proposal.
        move: from the state before to the proposal, shape `(W, D)`.
        state: after the decision, shape `(W, D)`.
    """

    point: jax.Array
    kept: Any
    guessed: Any
    move: jax.Array
    state: jax.Array


class _Verified(NamedTuple):
    """Steps taken with exact evaluations, leading axis `W`.

    Args:
        state: after the step, shape `(W, D)`.
        aux: of the step.
        error: of the proposal, `(W, D)`: how far it is from where it was evaluated.
        stands: whether this is the step, shape `(W,)`.
    """

    state: jax.Array
    aux: Any
    error: jax.Array
    stands: jax.Array


@dataclass(frozen=True)
class SpeculationMethod(Method):
    """Predict decisions with a surrogate, and verify them with the log density.

    Args:
        surrogate: a stand-in for the log density.
        atol, rtol: how far a proposal may be from where it was evaluated.
    """

    surrogate: Any
    atol: jax.Array
    rtol: jax.Array

    def init(self, recursion: Recursion, sequence: Sequence, window: int) -> Carry:
        parts = _parts(recursion)
        points = jnp.repeat(sequence.origin[None], window, axis=0)
        nothing = jax.tree.map(
            lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(parts.evaluate, points)
        )
        return Carry(_Evaluated(points, nothing, nothing), recursion.carry(sequence.origin))

    def sweep(self, recursion: Recursion, view: View, carry: Carry) -> tuple[Swept, Carry]:
        parts = _parts(recursion)
        predicted = self._predict(recursion, view, carry.of_rows, carry.of_chain)
        exact = parts.evaluate(predicted.point)
        bounds = (self.atol, self.rtol, predicted.point, predicted.move, view.is_live)
        allowed = tolerance_of_moves(*bounds)
        last, verified = _verify(recursion, view, predicted, exact, allowed, carry.of_chain)
        n_finished = jnp.sum(verified.stands, dtype=jnp.int32)
        scaled = jnp.where(verified.error == 0, 0.0, verified.error / allowed)
        n_points = len(predicted.point)
        swept = Swept(
            finished=verified.state,
            n_finished=n_finished,
            n_verified=n_finished,
            values=verified.state,
            aux=verified.aux,
            rows=verified.state,
            residual=jnp.max(verified.error, axis=-1),
            scaled_residual=jnp.max(scaled, axis=-1),
            n_reset=jnp.int32(0),
            cost=Cost(evaluations=n_points, calls=n_points * recursion.calls.advance),
        )
        return swept, Carry(_Evaluated(predicted.point, exact, predicted.guessed), last)

    def _predict(
        self, recursion: Recursion, view: View, known: _Evaluated, carried: Any
    ) -> _Predicted:
        """What all rows do, as far as can be told without the log density."""
        parts = _parts(recursion)

        def row(carried: Any, given: tuple[Any, ...]) -> tuple[Any, _Predicted]:
            inputs, before, is_new = given
            point, kept = parts.propose(carried, inputs)
            guess = parts.predict(self.surrogate, point)
            is_evaluated = jnp.all(point == before.point) & ~is_new

            def best(guess: jax.Array, exact: jax.Array, there: jax.Array) -> jax.Array:
                # A control variate: what the surrogate is wrong by nearby. The position stays.
                offset = exact - there
                is_of_use = ~is_new & jnp.isfinite(offset)
                corrected = jnp.where(is_of_use, guess + offset, guess)
                return jnp.where(is_evaluated, exact, corrected)

            evaluated = jax.tree.map(best, guess, before.exact, before.guessed)
            move = point - recursion.state(carried)
            carried, _ = parts.decide(carried, evaluated, kept, inputs)
            return carried, _Predicted(point, kept, guess, move, recursion.state(carried))

        given = (view.inputs, known, view.is_new)
        predicted: _Predicted = lax.scan(row, carried, given, unroll=_UNROLL)[1]
        return predicted


def _verify(
    recursion: Recursion,
    view: View,
    predicted: _Predicted,
    exact: Any,
    allowed: jax.Array,
    carried: Any,
) -> tuple[Any, _Verified]:
    """What is carried behind the last row that stands, and all rows.

    A row stands if its proposal is the one that was evaluated, and all rows before it stand. The
    first row whose decision was not as predicted still does.
    """
    parts = _parts(recursion)
    is_first = jnp.arange(len(view.rows), dtype=jnp.int32) == 0

    def row(loop: tuple[Any, jax.Array], given: tuple[Any, ...]) -> tuple[Any, _Verified]:
        carried, stands = loop
        inputs, seen, evaluated, allowed, is_first, is_live = given
        kept, error = seen.kept, jnp.zeros_like(seen.point)
        if not parts.proposes_from_state:
            # The first was proposed from this very state; compiled code may round another way.
            proposal, kept = parts.propose(carried, inputs)
            error = jnp.where(is_first, 0.0, jnp.abs(proposal - seen.point))
            stands &= is_first | jnp.all(error <= allowed)
        stands &= is_live
        after, aux = parts.decide(carried, evaluated, kept, inputs)
        state = recursion.state(after)
        carried = jax.tree.map(lambda new, old: jnp.where(stands, new, old), after, carried)
        goes_on = stands
        if parts.proposes_from_state:
            goes_on &= jnp.all(state == seen.state)
        return (carried, goes_on), _Verified(state, aux, error, stands)

    given = (view.inputs, predicted, exact, allowed, is_first, view.is_live)
    (last, _), verified = lax.scan(row, (carried, jnp.bool_(True)), given, unroll=_UNROLL)
    return last, verified


def _parts(recursion: Recursion) -> Parts:
    assert recursion.parts is not None
    return recursion.parts
