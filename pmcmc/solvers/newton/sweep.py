"""Sweeps of Newton's method and its relatives."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc._util.keys import internal_key
from pmcmc.solvers.method import Cost, Method, Swept
from pmcmc.solvers.newton.acceleration import Acceleration
from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.damping import Damping
from pmcmc.solvers.newton.damping.base import UNKNOWN, Recurrence
from pmcmc.solvers.newton.guesses import Entry, Guess
from pmcmc.solvers.newton.rows import cleaned, largest
from pmcmc.solvers.newton.scan import affine_scan
from pmcmc.solvers.newton.structures import Structure
from pmcmc.solvers.place import Place
from pmcmc.solvers.recursion import Recursion
from pmcmc.solvers.stopping import Stopping, merit_of
from pmcmc.solvers.tolerance import tolerance, tolerance_of_moves
from pmcmc.solvers.window import Carry, Sequence, View


class _Evaluated(NamedTuple):
    """The map at the states before the rows: values `(W, D)`, aux, matrices."""

    value: jax.Array
    aux: Any
    matrices: Any


class _Damped(NamedTuple):
    """The state of damping, and the last sweep.

    Args:
        state: of the damping.
        merit: the sum of squared residuals.
        has_overflowed: whether the new iterate of a step overflowed.
    """

    state: Any
    merit: jax.Array
    has_overflowed: jax.Array


@dataclass(frozen=True)
class NewtonMethod(Method):
    """Evaluate and linearize the map at all rows, and solve the linearized recursion.

    Args:
        structure: of the matrices that stand in for Jacobians.
        damping: of the linear recurrence.
        coordinates: in which the matrices are estimated.
        guess: first guess of rows that enter.
        acceleration: of the sweeps, by those before.
        atol, rtol: of the residual.
        stopping: rule that may end the sweeps before.
    """

    structure: Structure
    damping: Damping | None
    coordinates: Coordinates
    guess: Guess
    acceleration: Acceleration | None
    atol: jax.Array
    rtol: jax.Array
    stopping: Stopping | None = None

    @property
    def data(self) -> Any:
        return self.guess.data

    def visited(self, sequence: Sequence) -> jax.Array:
        return self.guess.visited(sequence.origin, sequence.data)

    def init(self, recursion: Recursion, sequence: Sequence, window: int) -> Carry:
        origin = sequence.origin
        damped: Any = ()
        if self.damping is not None:
            merit = jnp.full((), UNKNOWN, origin.dtype)
            damped = _Damped(self.damping.init(origin.dtype), merit, jnp.bool_(False))
        history: Any = ()
        if self.acceleration is not None:
            history = self.acceleration.init(jnp.zeros((window, *origin.shape), origin.dtype))
        if self.structure.every == 1:
            return Carry(((), history), damped)
        u = jax.tree.map(lambda u: u[0], sequence.inputs)
        matrix = jax.eval_shape(
            lambda s: self._linearize(recursion, s, u, _key(0)).matrices, origin
        )
        matrices = jax.tree.map(lambda x: jnp.zeros((window, *x.shape), x.dtype), matrix)
        return Carry((matrices, history), damped)

    def enter(
        self, rows: jax.Array, n_new: jax.Array, place: Place, last: jax.Array, seq: Sequence
    ) -> jax.Array:
        row = place.order(len(rows))
        entry = Entry(
            rows=rows,
            is_new=row >= place.size(len(rows)) - n_new,
            steps=jnp.minimum(place.start + row, seq.length - 1),
            origin=seq.origin,
            last=last,
            inputs=seq.inputs,
            data=seq.data,
            place=place,
        )
        return self.guess.enter(entry)

    def sweep(self, recursion: Recursion, view: View, carry: Carry) -> tuple[Swept, Carry]:
        held, history = carry.of_rows
        evaluated = self._evaluate(recursion, view, held)
        value, place = evaluated.value, view.place
        error = jnp.where(value == view.rows, 0.0, value - view.rows)  # equal infinities
        scaled_residual = self._in_tolerances(recursion.is_chain, view, value, error)
        n_verified = place.length_of_prefix(view.is_live & (scaled_residual <= 1))
        damped = self._adapted(view, error, carry.of_chain)
        rows, is_number = self._update(view, evaluated, error, damped)
        n_reset = place.sum(jnp.sum(view.is_live & ~is_number, dtype=jnp.int32))
        if self.damping is not None:
            damped = damped._replace(has_overflowed=n_reset > 0)
        if self.acceleration is not None:
            rows, history = self.acceleration.accelerate(view, rows, history)
        # The first row after the verified ones was evaluated at a verified state, so it is exact.
        is_exact = place.order(len(value)) == n_verified
        merit = merit_of(error, view.is_live, place)
        is_stopped: jax.Array | bool = False
        if self.stopping is not None:
            step = jnp.where(view.is_live[:, None], jnp.abs(rows - view.rows), 0.0)
            n_live = place.length_of_prefix(view.is_live)
            is_stopped = self.stopping.is_met(merit, place.max(jnp.max(step)), n_live)
        n_rows = place.size(len(value))
        swept = Swept(
            finished=jnp.where(is_exact[:, None], value, view.rows),
            n_finished=n_verified + 1,
            n_verified=n_verified,
            values=value,
            aux=evaluated.aux,
            rows=rows,
            residual=largest(jnp.abs(error)),
            scaled_residual=scaled_residual,
            n_reset=n_reset,
            merit=merit,
            cost=Cost(
                evaluations=n_rows,
                calls=n_rows * recursion.calls.step,
                products=n_rows * self.structure.products(value.shape[-1]),
            ),
            is_stopped=is_stopped,
        )
        held = evaluated.matrices if self.structure.every > 1 else ()
        return swept, Carry((held, history), damped)

    def _linearize(self, recursion: Recursion, state: Any, u: Any, key: Any) -> _Evaluated:
        return _Evaluated(
            *self.structure.linearize_at(recursion.step, state, u, self.coordinates, key)
        )

    def _evaluate(self, recursion: Recursion, view: View, held: Any) -> _Evaluated:
        """The map and its matrices at the state before each row."""
        n = len(view.rows)
        keys = jax.random.split(_key(view.n_sweeps), view.place.size(n))[view.place.order(n)]

        def estimate() -> _Evaluated:
            linearize = jax.vmap(lambda *row: self._linearize(recursion, *row))
            return linearize(view.previous, view.inputs, keys)

        def hold() -> _Evaluated:
            return _Evaluated(*jax.vmap(recursion.step)(view.previous, view.inputs), held)

        if self.structure.every == 1:
            return estimate()
        # Count sweeps of the batch: with one condition per chain, both branches would run.
        is_due = view.n_sweeps_of_batch % self.structure.every == 0
        evaluated: _Evaluated = lax.cond(is_due, estimate, hold)
        return evaluated

    def _in_tolerances(
        self, is_chain: bool, view: View, value: jax.Array, error: jax.Array
    ) -> jax.Array:
        """The largest residual of each row over the tolerance; NaN is not within it."""
        bounds = (self.atol, self.rtol, view.rows)
        if is_chain:
            moves = value - view.previous
            allowed = tolerance_of_moves(*bounds, moves, view.is_live, view.place)
        else:
            allowed = tolerance(*bounds)
        return largest(jnp.where(error == 0, 0.0, jnp.abs(error) / allowed))

    def _adapted(self, view: View, error: jax.Array, damped: Any) -> Any:
        """The next state of damping, from the merit of rows that were in the window before."""
        if self.damping is None:
            return damped
        merits = jnp.where(view.is_live, jnp.sum(error**2, axis=-1), 0.0)
        kept = view.place.sum(jnp.sum(jnp.where(view.is_new, 0.0, merits)))
        now = jnp.where(damped.has_overflowed, jnp.inf, kept)
        state = self.damping.adapt(damped.state, damped.merit, now)
        return damped._replace(state=state, merit=view.place.sum(jnp.sum(merits)))

    def _update(
        self, view: View, evaluated: _Evaluated, error: jax.Array, damped: Any
    ) -> tuple[jax.Array, jax.Array]:
        """New iterates, and which of them did not overflow.

        New iterates are the values of the map plus corrections, which follow a recurrence driven by
        the errors. In this form, the row after a finished one is exact to the last bit.
        """
        is_jacobi = view.is_new & self.guess.begins_with_jacobi
        matrices = cleaned(evaluated.matrices, is_jacobi)
        offsets = self.coordinates.enter(error)
        recurrence = Recurrence(matrices, offsets, view.steps, view.place)
        used = recurrence
        if self.damping is not None:
            used = self.damping.damp(self.structure, recurrence, damped.state)
        increments = None
        # Nothing has changed the estimated matrices.
        if self.damping is None and not self.guess.begins_with_jacobi and view.place.n_devices == 1:
            increments = self.structure.solve(used.offsets)
        if increments is None:
            increments = affine_scan(self.structure, used.matrices, used.offsets, view.place)
        before = view.place.before(increments, jnp.zeros_like(increments[0]))
        correction = jax.vmap(self.structure.apply)(used.matrices, before)
        is_same = used.offsets == recurrence.offsets  # where infinities are, too
        correction += jnp.where(is_same, 0.0, used.offsets - recurrence.offsets)
        value = evaluated.value
        rows = value + self.coordinates.leave(correction)
        # Any number may replace an overflow: a sweep still finishes at least one step.
        is_number = jnp.isfinite(rows)
        fallback = jnp.where(jnp.isfinite(value), value, view.last[None])
        return jnp.where(is_number, rows, fallback), jnp.all(is_number, axis=-1)


def _key(sweep: jax.Array | int) -> jax.Array:
    """The key of the random signs of a sweep."""
    return jax.random.fold_in(internal_key(0), sweep)
