"""The interface of a method of sweeping; the driver owns everything else."""

import abc
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pmcmc.solvers.base import Tally
from pmcmc.solvers.place import Place
from pmcmc.solvers.recursion import Recursion
from pmcmc.solvers.window import Carry, Sequence, View


class Cost(NamedTuple):
    """The cost of a sweep of a window; `Trajectories` explains the fields."""

    evaluations: int
    calls: float
    products: float = 0.0

    def added_to(self, tally: Tally, is_active: jax.Array) -> Tally:
        """The tally including one more sweep, if the chain took part."""
        count, number = is_active.astype(jnp.int32), is_active.astype(tally.calls.dtype)
        return tally._replace(
            sweeps=tally.sweeps + count,
            evaluations=tally.evaluations + self.evaluations * count,
            calls=tally.calls + self.calls * number,
            products=tally.products + self.products * number,
        )


class Swept(NamedTuple):
    """The result of a sweep over the window of one chain.

    Args:
        finished: states of the rows, shape `(W, D)`; the first `n_finished` are final.
        n_finished: number of final rows, at least one if the chain is not finished.
        n_verified: how many of these, from the first on, were judged by their residuals; the rest
            are exact.
        values: values of the map at the state before each row, shape `(W, D)`.
        aux: aux of the steps to these states, leading axis `W`.
        rows: new iterates, shape `(W, D)`; those of unfinished rows are kept.
        residual: largest `|s_t - f(s_{t-1})|` of each row before the sweep, shape `(W,)`.
        scaled_residual: the same in units of the tolerance.
        n_reset: number of rows whose new iterate overflowed and was replaced.
        merit: half the sum of squared residuals of the live rows before the sweep.
        cost: cost of the sweep.
        is_stopped: whether a stopping rule accepts the rows as they were.
    """

    finished: jax.Array
    n_finished: jax.Array
    n_verified: jax.Array
    values: jax.Array
    aux: Any
    rows: jax.Array
    residual: jax.Array
    scaled_residual: jax.Array
    n_reset: jax.Array
    merit: jax.Array
    cost: Cost
    is_stopped: jax.Array | bool = False


class Method(abc.ABC):
    """A way to sweep a window, for one chain of a batch; everything is resolved.

    Arrays with leading axis `W` have the rows that are on this device, all or a part.

    The window, the verified prefix, the budget, steps taken one at a time, counts and outcome are
    the driver's (`drive`). Whatever a method proposes, a sweep finishes at least one step: the
    first row is always a step from a finished state.
    """

    @property
    def data(self) -> Any:
        """What the method was given per step, a pytree with leading axes `(chain, T)`."""
        return ()

    def visited(self, sequence: Sequence) -> jax.Array:
        """States that a chain is known to come near, shape `(n, D)`, besides its first guesses."""
        return sequence.origin[None]

    def init(self, recursion: Recursion, sequence: Sequence, window: int) -> Carry:
        """What is carried before the first sweep of a chain."""
        return Carry()

    def enter(
        self, rows: jax.Array, n_new: jax.Array, place: Place, last: jax.Array, seq: Sequence
    ) -> jax.Array:
        """The window with a first guess for its last `n_new` rows, which are copies.

        Args:
            rows: iterates of the steps, shape `(W, D)`.
            n_new: how many entered.
            place: where the rows are.
            last: the last finished state, shape `(D,)`.
            seq: what is given of the chain.
        """
        return rows

    @abc.abstractmethod
    def sweep(self, recursion: Recursion, view: View, carry: Carry) -> tuple[Swept, Carry]:
        """One sweep of one chain, and what is carried on (before the window slides)."""
