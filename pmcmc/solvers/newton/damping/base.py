"""The interface of damping."""

import abc
from typing import Any, NamedTuple

import jax

from pmcmc._util.pytree import Pytree
from pmcmc.solvers.newton.structures import Structure
from pmcmc.solvers.place import InOrder, Place

UNKNOWN = -1.0  # the merit before the first sweep


class Recurrence(NamedTuple):
    """The linear recurrence of a sweep, `y_t = A_t y_{t-1} + b_t` from `y_0 = 0`.

    Args:
        matrices: `A_1..A_W`, a pytree with leading axis `W`.
        offsets: `b_1..b_W`, shape `(W, D)`.
        steps: number of each step in the sequence, shape `(W,)`.
        place: location of the rows.
    """

    matrices: Any
    offsets: jax.Array
    steps: jax.Array
    place: Place = InOrder()


class Damping(Pytree, abc.ABC):
    """Keeps the recurrence of a sweep from blowing up; a frozen dataclass registered as a pytree.

    Any recurrence is valid: damping changes the number of sweeps, never the solution.
    """

    @abc.abstractmethod
    def damp(self, structure: Structure, recurrence: Recurrence, state: Any) -> Recurrence:
        """The damped recurrence."""

    def init(self, dtype: Any) -> Any:
        """The state that one chain carries from sweep to sweep."""
        return ()

    def adapt(self, state: Any, before: jax.Array, now: jax.Array) -> Any:
        """The next state, given the merit (sum of squared residuals) of the same steps.

        The merit is never negative; the negative `UNKNOWN` means that there is none before the
        first sweep. A sweep whose iterates overflowed has failed, whatever replaced them: its merit
        is infinite.
        """
        return state

    def segment(self, first_step: int, length: int) -> "Damping":
        """The damping for `length` steps from `first_step` on, with their part of per-step data."""
        return self
