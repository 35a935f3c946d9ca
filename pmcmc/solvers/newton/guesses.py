"""First guesses for the states of steps that enter the window."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._util.checks import check_finite, check_positive, short
from pmcmc._util.keys import internal_key
from pmcmc._util.pytree import Pytree
from pmcmc.solvers.newton.scan import affine_scan
from pmcmc.solvers.newton.structures import Diagonal
from pmcmc.solvers.place import InOrder, Place


class Entry(NamedTuple):
    """The window of one chain, with steps that just entered.

    Args:
        rows: iterates, shape `(W, D)`; steps that entered have the one of the step before them.
        is_new: which rows entered, shape `(W,)`, always the last ones.
        steps: number of each row's step in the sequence, shape `(W,)`.
        origin: the start of the sequence, shape `(D,)`.
        last: the last finished state, shape `(D,)`.
        inputs: inputs of the whole sequence, leading axis `T`.
        data: per-step data of the guess, leading axis `T`.
        place: location of the rows.
    """

    rows: jax.Array
    is_new: jax.Array
    steps: jax.Array
    origin: jax.Array
    last: jax.Array
    inputs: Any
    data: Any
    place: Place = InOrder()


class Guess(Pytree, abc.ABC):
    """A first guess: it affects the number of sweeps, never the solution."""

    @property
    def begins_with_jacobi(self) -> bool:
        """Whether the first sweep of a step replaces its guess by the value of the map there."""
        return False

    @property
    def data(self) -> Any:
        """Per-step data, a pytree with leading axes `(chain, T)`."""
        return ()

    @abc.abstractmethod
    def enter(self, entry: Entry) -> jax.Array:
        """The rows, shape `(W, D)`, with guesses for the new ones."""

    def visited(self, origin: jax.Array, data: Any) -> jax.Array:
        """States near which a chain from `origin` is known to pass, shape `(n, D)`."""
        return origin[None]

    def flatten(self, flatten: Callable[[Any], jax.Array]) -> "Guess":
        """The guess for flat states, with `flatten` for trajectories as users write them."""
        return self

    def check(self, n_chains: int, length: int, dim: int) -> None:
        """Raise a `ValueError` unless the guess fits trajectories of this size."""
        return  # most guesses fit any

    def segment(self, first_step: int, length: int) -> "Guess":
        """The guess for `length` steps from `first_step` on."""
        return self


class IterateGuess(Guess):
    """The newest iterate of the previous step: the best knowledge of where the chain is going."""

    def enter(self, entry: Entry) -> jax.Array:
        return entry.rows


class ConstantGuess(Guess):
    """The start of the sequence."""

    def enter(self, entry: Entry) -> jax.Array:
        return jnp.where(entry.is_new[:, None], entry.origin[None], entry.rows)


class LastStateGuess(Guess):
    """The last finished state."""

    def enter(self, entry: Entry) -> jax.Array:
        return jnp.where(entry.is_new[:, None], entry.last[None], entry.rows)


class JacobiGuess(Guess):
    """One Jacobi sweep from the newest iterate: every step is taken from there.

    It happens in the first sweep of a step, whose matrix is then zero.
    """

    @property
    def begins_with_jacobi(self) -> bool:
        return True

    def enter(self, entry: Entry) -> jax.Array:
        return entry.rows


class RandomGuess(Guess):
    """Independent normal numbers, the same for a step with any window.

    Args:
        mean, sd: mean and standard deviation of the numbers, in units of the state.

    Raises:
        ValueError: `mean` is not finite, or `sd` not positive.
    """

    mean: float | jax.Array = 0.0
    sd: float | jax.Array = 1.0

    def __post_init__(self) -> None:
        check_finite("mean", self.mean, "RandomGuess(mean=0.0)")
        check_positive("sd", self.sd, "RandomGuess(sd=1.0)")

    def enter(self, entry: Entry) -> jax.Array:
        def draw(step: jax.Array) -> jax.Array:
            key = jax.random.fold_in(internal_key(1), step)
            return jax.random.normal(key, entry.origin.shape, entry.rows.dtype)

        drawn = self.mean + self.sd * jax.vmap(draw)(entry.steps)
        return jnp.where(entry.is_new[:, None], drawn.astype(entry.rows.dtype), entry.rows)


class SurrogateGuess(Guess, static=("step",)):
    """The states of a cheap recursion with the same inputs, such as a Gaussian chain.

    For a Langevin chain, say, `lambda x, noise: mean + decay * (x - mean) + scale * noise.normal`.

    Args:
        step: `(state, input) -> state` on flat states `(D,)`, affine in the state and coordinate by
            coordinate; otherwise its linearization is used.

    Raises:
        ValueError: `step` is not a function.
    """

    step: Callable[[jax.Array, Any], jax.Array]

    def __post_init__(self) -> None:
        if not callable(self.step):
            raise ValueError(
                f"step must be a function (state, input) -> state, got {short(self.step)}: write "
                "SurrogateGuess(lambda x, noise: 0.9 * x + noise.normal)."
            )

    def enter(self, entry: Entry) -> jax.Array:
        ones = jnp.ones_like(entry.last)
        inputs = jax.tree.map(lambda u: u[entry.steps], entry.inputs)
        value, slope = jax.vmap(
            lambda u: jax.jvp(lambda x: self.step(x, u), (entry.last,), (ones,))
        )(inputs)
        # Rows that are not new restart the recurrence, and new rows continue from them.
        is_new = entry.is_new[:, None]
        is_first = (entry.place.order(len(entry.rows)) == 0)[:, None]
        offset = value - slope * jnp.where(is_first, 0.0, entry.last[None])
        return affine_scan(
            Diagonal(),
            jnp.where(is_new, slope, 0.0),
            jnp.where(is_new, offset, entry.rows),
            entry.place,
        )


class TrajectoryGuess(Guess):
    """Given states, for example those of a run with slightly different parameters.

    Args:
        states: in `solve`, a pytree like `Solution.states`, leaves `(T, *event)`; in `sample`, a
            pytree like `Result.positions`, leaves `(chain, step, *event)`. A warm-up uses them too.

    Raises:
        ValueError: when used, the states do not fit.
    """

    states: Any

    @property
    def data(self) -> Any:
        return self.states

    def visited(self, origin: jax.Array, data: jax.Array) -> jax.Array:
        return data

    def enter(self, entry: Entry) -> jax.Array:
        return jnp.where(entry.is_new[:, None], entry.data[entry.steps], entry.rows)

    def flatten(self, flatten: Callable[[Any], jax.Array]) -> "TrajectoryGuess":
        return TrajectoryGuess(flatten(self.states))

    def check(self, n_chains: int, length: int, dim: int) -> None:
        if jnp.shape(self.states) != (n_chains, length, dim):
            raise ValueError(
                f"guess.states must have {length} states of {dim} numbers, like the solution, for "
                f"{n_chains} chains, got shape {jnp.shape(self.states)}."
            )

    def segment(self, first_step: int, length: int) -> "TrajectoryGuess":
        steps = np.minimum(first_step + np.arange(length), self.states.shape[1] - 1)
        return dataclasses.replace(self, states=np.asarray(self.states)[:, steps])
