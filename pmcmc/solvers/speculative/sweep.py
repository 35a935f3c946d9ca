"""Sweeps that predict proposals, evaluate all of them at once, and verify.

A step of a Metropolis kernel needs the log density only at its proposal. The predictions affect the
number of sweeps, never the result (predictive prefetching: Brockwell, 2006; Angelino et al., 2014).
"""

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc.solvers.method import Cost, Method, Swept
from pmcmc.solvers.recursion import Parts, Recursion
from pmcmc.solvers.stopping import merit_of
from pmcmc.solvers.tolerance import tolerance_of_moves
from pmcmc.solvers.window import Carry, Sequence, View


class _Evaluated(NamedTuple):
    """Proposals that were evaluated, leading axis `W`.

    Args:
        point: where they were evaluated, shape `(W, D)`.
        exact: evaluation of the log density there.
        guessed: the surrogate's version of it.
    """

    point: jax.Array
    exact: Any
    guessed: Any


class _Predicted(NamedTuple):
    """Predictions of steps, leading axis `W`.

    Args:
        point: the proposal, shape `(W, D)`.
        kept: anything else that the decision needs.
        guessed: the surrogate's evaluation of it, if proposals are evaluated again.
        is_moved: whether it is accepted, shape `(W,)`.
    """

    point: jax.Array
    kept: Any
    guessed: Any
    is_moved: jax.Array


@dataclass(frozen=True)
class SpeculationMethod(Method):
    """Predict decisions with a surrogate, and verify them with the log density.

    Args:
        surrogate: a stand-in for the log density.
        atol, rtol: how far a proposal may be from the point of its evaluation.
    """

    surrogate: Any
    atol: jax.Array
    rtol: jax.Array

    def init(self, recursion: Recursion, sequence: Sequence, window: int) -> Carry:
        parts = _parts(recursion)
        if parts.proposes_from_state:
            return Carry((), recursion.carry(sequence.origin))
        points = jnp.repeat(sequence.origin[None], window, axis=0)
        nothing = jax.tree.map(
            lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(parts.evaluate, points)
        )
        return Carry(_Evaluated(points, nothing, nothing), recursion.carry(sequence.origin))

    def sweep(self, recursion: Recursion, view: View, carry: Carry) -> tuple[Swept, Carry]:
        parts, start = _parts(recursion), carry.of_chain
        predicted = self._predict(recursion, view, carry.of_rows, start)
        # Rows after the end of a chain are evaluated too, at a point that is known already.
        point = jnp.where(view.is_live[:, None], predicted.point, recursion.state(start))
        predicted = predicted._replace(point=point)
        exact = parts.evaluate(point)
        before = _states_before(predicted.is_moved, exact, start)
        error, kept = self._proposed_again(recursion, view, predicted, before)
        after, aux = jax.vmap(parts.decide)(before, exact, kept, view.inputs)
        states = jax.vmap(recursion.state)(after)
        stands, scaled = self._stands(recursion, view, predicted, before, after, error)
        n_finished = jnp.sum(stands, dtype=jnp.int32)
        last = jax.tree.map(lambda rows: rows[jnp.maximum(n_finished - 1, 0)], after)
        last = jax.tree.map(lambda new, old: jnp.where(n_finished > 0, new, old), last, start)
        n_points = len(predicted.point)
        swept = Swept(
            finished=states,
            n_finished=n_finished,
            n_verified=n_finished,
            values=states,
            aux=aux,
            rows=states,
            residual=jnp.max(error, axis=-1),
            scaled_residual=scaled,
            n_reset=jnp.int32(0),
            merit=merit_of(error, view.is_live, view.place),
            cost=Cost(evaluations=n_points, calls=n_points * recursion.calls.advance),
        )
        evaluated = _Evaluated(predicted.point, exact, predicted.guessed)
        return swept, Carry(() if parts.proposes_from_state else evaluated, last)

    def _predict(self, recursion: Recursion, view: View, known: Any, start: Any) -> _Predicted:
        """Predict all rows without the log density."""
        parts = _parts(recursion)
        # The error of the surrogate at the current state of the chain.
        wrong = jax.tree.map(
            jnp.subtract, start, parts.predict(self.surrogate, recursion.state(start))
        )

        def row(carried: Any, given: Any) -> tuple[Any, _Predicted]:
            inputs, before = given
            point, kept = parts.propose(carried, inputs)
            guess = parts.predict(self.surrogate, point)
            evaluated = _corrected(guess, wrong)
            if before is not None:
                evaluated = _of_known(point, guess, evaluated, *before)
            after, _ = parts.decide(carried, evaluated, kept, inputs)
            is_moved = jnp.any(recursion.state(after) != recursion.state(carried))
            return after, _Predicted(point, kept, None if before is None else guess, is_moved)

        before = None if parts.proposes_from_state else (known, view.is_new)
        predicted: _Predicted = lax.scan(row, start, (view.inputs, before))[1]
        return predicted

    def _proposed_again(
        self, recursion: Recursion, view: View, predicted: _Predicted, before: Any
    ) -> tuple[jax.Array, Any]:
        """Distances of proposals from their points, `(W, D)`, and what else decisions need."""
        parts = _parts(recursion)
        if parts.proposes_from_state:  # proposals come from the same states as the predictions
            return jnp.zeros_like(predicted.point), predicted.kept
        point, kept = jax.vmap(parts.propose)(before, view.inputs)
        # The first also comes from the same state; compiled code may only round differently.
        return jnp.abs(point - predicted.point).at[0].set(0.0), kept

    def _stands(
        self,
        recursion: Recursion,
        view: View,
        predicted: _Predicted,
        before: Any,
        after: Any,
        error: jax.Array,
    ) -> tuple[jax.Array, jax.Array]:
        """Which rows are final, and their errors in units of the tolerance, shapes `(W,)`.

        A row is final if its proposal is the one that was evaluated, and if all rows before it are
        final and end where it starts. So the first row with a wrong prediction is still final.
        """
        ends, starts = jax.tree.map(lambda x: x[:-1], after), jax.tree.map(lambda x: x[1:], before)
        goes_on = _equal(ends, starts)
        is_right = jnp.concatenate([jnp.ones(1, bool), goes_on])
        scaled = jnp.zeros_like(error[:, 0])
        if not _parts(recursion).proposes_from_state:
            moves = predicted.point - jax.vmap(recursion.state)(before)
            bounds = (self.atol, self.rtol, predicted.point, moves, view.is_live, view.place)
            scaled = jnp.where(error == 0, 0.0, error / tolerance_of_moves(*bounds)).max(axis=-1)
        return jnp.cumprod(is_right & view.is_live & (scaled <= 1)).astype(bool), scaled


def _states_before(is_moved: jax.Array, exact: Any, start: Any) -> Any:
    """The predicted states before each step: the last accepted proposals."""
    row = jnp.arange(len(is_moved), dtype=jnp.int32)
    latest = lax.cummax(jnp.where(is_moved, row, -1))
    source = jnp.concatenate([jnp.full(1, -1, jnp.int32), latest[:-1]])

    def pick(rows: jax.Array, first: jax.Array) -> jax.Array:
        is_first = (source < 0).reshape(-1, *[1] * first.ndim)
        return jnp.where(is_first, first[None], rows[jnp.maximum(source, 0)])

    return jax.tree.map(pick, exact, start)


def _equal(left: Any, right: Any) -> jax.Array:
    """Which rows of two pytrees have equal numbers, or NaN in the same places, shape `(n,)`."""

    def same(a: jax.Array, b: jax.Array) -> jax.Array:
        return ((a == b) | (jnp.isnan(a) & jnp.isnan(b))).all(axis=tuple(range(1, a.ndim)))

    return functools.reduce(jnp.logical_and, jax.tree.leaves(jax.tree.map(same, left, right)))


def _corrected(guess: Any, wrong: Any) -> Any:
    """A guess, minus the error of the surrogate elsewhere if that is a number."""
    return jax.tree.map(lambda x, by: jnp.where(jnp.isfinite(by), x + by, x), guess, wrong)


def _of_known(point: Any, guess: Any, otherwise: Any, known: _Evaluated, is_new: Any) -> Any:
    """The known evaluation of a point if an earlier sweep evaluated one close to it."""
    is_evaluated = jnp.all(point == known.point) & ~is_new
    wrong = jax.tree.map(jnp.subtract, known.exact, known.guessed)
    nearby = _corrected(guess, wrong)

    def best(exact: jax.Array, nearby: jax.Array, otherwise: jax.Array) -> jax.Array:
        return jnp.where(is_evaluated, exact, jnp.where(is_new, otherwise, nearby))

    return jax.tree.map(best, known.exact, nearby, otherwise)


def _parts(recursion: Recursion) -> Parts:
    assert recursion.parts is not None
    return recursion.parts
