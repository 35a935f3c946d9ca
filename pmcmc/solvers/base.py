"""What a solver is, and what it returns: the trajectories of a recursion."""

import abc
import enum
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._util.pytree import Pytree
from pmcmc.solvers.recursion import Recursion


class Outcome(enum.IntEnum):
    """How the evaluation of a chain ended, from best to worst."""

    FINISHED = 0
    FINISHED_WITH_SEQUENTIAL_STEPS = 1
    BUDGET_SPENT = 2
    NOT_FINITE = 3

    @classmethod
    def of(cls, trajectories: "Trajectories", is_finite: jax.Array) -> jax.Array:
        """The outcome of each chain as an integer; `is_finite`: whether its states are finite."""
        # On the host there is nothing to compile.
        xp: Any = np if isinstance(is_finite, np.ndarray) else jnp
        was_helped = (trajectories.sweeps > 0) & (trajectories.sequential_steps > 0)
        outcome = xp.where(was_helped, cls.FINISHED_WITH_SEQUENTIAL_STEPS, cls.FINISHED)
        is_within_tolerance = trajectories.scaled_residual <= 1
        outcome = xp.where(is_within_tolerance, outcome, cls.BUDGET_SPENT)
        return xp.where(is_finite, outcome, cls.NOT_FINITE).astype(xp.int32)

    @property
    def cause(self) -> str:
        """What happened."""
        return _CAUSES[self]

    @property
    def remedy(self) -> str:
        """What to do about it; empty if nothing is wrong."""
        return _REMEDIES[self]


_CAUSES = {
    Outcome.FINISHED: "every state is within tolerance",
    Outcome.FINISHED_WITH_SEQUENTIAL_STEPS: (
        "every state is within tolerance; max_sweeps did not suffice for some, which were taken "
        "one at a time"
    ),
    Outcome.BUDGET_SPENT: (
        "max_sweeps were spent, or a stopping rule was met, before every state was within tolerance"
    ),
    Outcome.NOT_FINITE: "the recursion itself led to states that are not finite",
}
_REMEDIES = {
    Outcome.FINISHED: "",
    Outcome.FINISHED_WITH_SEQUENTIAL_STEPS: "raise max_sweeps, or take a smaller window",
    Outcome.BUDGET_SPENT: (
        "raise max_sweeps, or write fallback='sequential', without a stopping rule"
    ),
    Outcome.NOT_FINITE: "look at the last finite state, where a loop would fail too",
}


class SweepLog(NamedTuple):
    """Record of the first sweeps, shape `(chain, sweep)`.

    Args:
        residual: largest `|s_t - f(s_{t-1})|` over the window before the sweep, infinite if one is
            NaN, -1 if there was no sweep.
        finished: number of finished steps after the sweep, -1 if there was no sweep.
        reset: number of steps in the window whose new iterate overflowed and was replaced, -1 if
            there was no sweep.
        merit: half the sum of `|s_t - f(s_{t-1})|**2` over the window before the sweep, infinite if
            one is NaN, -1 if there was no sweep.
    """

    residual: jax.Array
    finished: jax.Array
    reset: jax.Array
    merit: jax.Array

    @classmethod
    def empty(cls, length: int, dtype: Any) -> "SweepLog":
        """Room for `length` sweeps of one chain."""
        counts, numbers = jnp.full(length, -1, jnp.int32), jnp.full(length, -1.0, dtype)
        return cls(numbers, counts, counts, numbers)

    def record(self, sweep: jax.Array, *seen: jax.Array) -> "SweepLog":
        """The record of one chain with a sweep added, if there is room for it."""
        if not self.residual.size:
            return self
        rows = zip(self, seen, strict=True)
        return SweepLog(*(old.at[sweep].set(new, mode="drop") for old, new in rows))


class Tally(NamedTuple):
    """What the evaluation of a chain took; the fields are explained in `Trajectories`."""

    sweeps: jax.Array
    sequential_steps: jax.Array
    evaluations: jax.Array
    calls: jax.Array
    products: jax.Array
    residual: jax.Array
    scaled_residual: jax.Array
    sweep_log: SweepLog

    @classmethod
    def empty(cls, n_logged: int, dtype: Any) -> "Tally":
        """Of one chain before its first step."""
        count, zero = jnp.int32(0), jnp.zeros((), dtype)
        log = SweepLog.empty(n_logged, dtype)
        return cls(count, count, count, zero, zero, zero, zero, log)


class Trajectories(NamedTuple):
    """States of a batch of chains, and the evidence that they solve the recursion.

    Args:
        states: shape `(chain, length, D)`; rows from `n_steps` on have no meaning, and are zero if
            sweeps did not finish them. A chain that runs into NaN has NaN from there on.
        aux: the pytree of the steps, leading axes `(chain, length)`.
        sweeps: number of parallel sweeps of each chain.
        sequential_steps: number of steps that each chain took one at a time.
        evaluations: number of evaluations of the map for the chain. In a batch, a device also
            evaluates the windows of finished chains until the last one is finished.
        calls: number of calls of the expensive function (see `Recursion.calls`).
        products: number of Jacobian-vector products of steps.
        residual: largest `|s_t - f(s_{t-1})|` over steps and coordinates, per chain.
        scaled_residual: the same in units of the solver's tolerance, per chain.
        sweep_log: record of the first sweeps, as many as were requested.
    """

    states: jax.Array
    aux: Any
    sweeps: jax.Array
    sequential_steps: jax.Array
    evaluations: jax.Array
    calls: jax.Array
    products: jax.Array
    residual: jax.Array
    scaled_residual: jax.Array
    sweep_log: SweepLog

    @classmethod
    def of(cls, states: jax.Array, aux: Any, tally: Tally) -> "Trajectories":
        """States and aux with their costs, whose leaves have a leading chain axis."""
        return cls(states, aux, *tally)


class Solver(Pytree, abc.ABC):
    """A way to evaluate a recursion: a frozen dataclass that is a pytree."""

    is_parallel_in_time: ClassVar[bool] = True

    @property
    def fits_surrogate(self) -> bool:
        """Whether it needs a surrogate fitted to the evaluations of the steps."""
        return False

    def describe(self) -> str:
        """Its name, and what distinguishes it from others of that name, in a few words."""
        return type(self).__name__

    def describe_sweeps(self, steps: float, window: float) -> str:
        """How sweeps that finish so many steps of a window on average progress, in a few words."""
        return f"{steps:.2g} steps/sweep"

    @abc.abstractmethod
    def run(
        self, recursion: Recursion, s0: jax.Array, inputs: Any, n_steps: int | jax.Array
    ) -> Trajectories:
        """Evaluate the recursion of each chain of a batch.

        Args:
            recursion: the map of one step of one chain.
            s0: starts, shape `(chain, D)`.
            inputs: pytree with leading axes `(chain, length)`.
            n_steps: number of steps to evaluate, at most `length`. It is traced, so another number
                does not recompile.
        """

    @abc.abstractmethod
    def segment_length(self, n_steps: int, n_chains: int, dim: int, dtype: Any) -> int:
        """How many of `n_steps` to evaluate at once, so that working memory stays bounded.

        Args:
            n_steps: length of the whole chain.
            n_chains: number of chains evaluated together.
            dim: number of coordinates of a state.
            dtype: dtype of the states.
        """

    def prepare(self, setting: Any) -> "Solver":
        """The solver with everything resolved that is given by name.

        Args:
            setting: the recursion to evaluate, a `pmcmc.solvers.setting.Setting`.

        Raises:
            ValueError: this is impossible; the message says why and what to write.
        """
        return self

    @property
    def per_chain(self) -> Any:
        """Those of its leaves that have a leading chain axis, a pytree."""
        return ()

    def calmer(self) -> "list[tuple[Solver, str]]":
        """Solvers that are slower but more robust, in order, each with its name for a sentence."""
        return []

    @property
    def sweeps_inner_steps(self) -> bool:
        """Whether sweeps are those of the inner steps of a step."""
        return False

    def segment(self, first_step: int, length: int) -> "Solver":
        """The solver for `length` steps from `first_step` on, with their part of per-step data."""
        return self

    def for_derivatives(self) -> "Solver":
        """The solver for derivatives of a solution; it always finishes."""
        return self

    @abc.abstractmethod
    def tolerances(self, dtype: Any) -> tuple[float | jax.Array, float | jax.Array]:
        """`(atol, rtol)` for states of this dtype: residuals are at most `atol + rtol * |s_t|`."""
