"""The window that slides over a chain, and what it carries along."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pmcmc.solvers.base import Trace
from pmcmc.solvers.coordinates import Coordinates
from pmcmc.solvers.damping import Damping
from pmcmc.solvers.guesses import Entry, Guess
from pmcmc.solvers.structures import Structure


class Method(NamedTuple):
    """The choices that make one method differ from another, with everything resolved."""

    structure: Structure
    damping: Damping | None
    coordinates: Coordinates
    guess: Guess
    atol: jax.Array
    rtol: jax.Array
    max_sweeps: jax.Array | None
    is_completed: bool
    n_traced: int


class Sequence(NamedTuple):
    """What is given of one chain."""

    origin: jax.Array  # (D,)
    inputs: Any  # leading axis T
    table: jax.Array | None  # given guesses, (T, D)

    @property
    def length(self) -> int:
        """The number of inputs `T`."""
        leaf: jax.Array = jax.tree.leaves(self.inputs)[0]
        return leaf.shape[0]


class Chain(NamedTuple):
    """Where the solution of one chain stands.

    A block is the window's length of steps that the budget of sweeps is counted for.
    """

    start: jax.Array  # steps finished
    last: jax.Array  # the last finished state, (D,)
    iterates: jax.Array  # of the steps from start on, (W, D)
    n_new: jax.Array  # how many of them entered since the last sweep
    matrices: Any  # of the last sweep, where they are held
    damping: Any  # what the damping carries along
    merit: jax.Array  # sum of squared residuals in the last sweep
    store: Any  # (states, aux), finished up to start, room for W rows beyond the end
    block: jax.Array  # first step of the block
    spent: jax.Array  # sweeps spent on the block
    sweeps: jax.Array
    sequential_steps: jax.Array
    residual: jax.Array
    scaled_residual: jax.Array
    trace: Trace


def goes_on(chain: Chain) -> jax.Array:
    """Whether there is a chain to go on with: NaN would only spread, one step a sweep."""
    return ~jnp.any(jnp.isnan(chain.last))


def enter(
    method: Method,
    rows: jax.Array,
    n_new: jax.Array,
    start: jax.Array,
    last: jax.Array,
    sequence: Sequence,
) -> jax.Array:
    """The window of one chain, with a first guess for the last `n_new` rows."""
    row = jnp.arange(len(rows), dtype=jnp.int32)
    entry = Entry(
        rows=rows,
        is_new=row >= len(rows) - n_new,
        steps=jnp.minimum(start + row, sequence.length - 1),
        origin=sequence.origin,
        last=last,
        inputs=sequence.inputs,
        table=sequence.table,
    )
    return method.guess.enter(entry)


def slide(rows: jax.Array, n_finished: jax.Array) -> jax.Array:
    """Drop the first rows; the rows that enter are copies of the last one."""
    row = jnp.arange(len(rows), dtype=jnp.int32)
    return rows[jnp.minimum(row + n_finished, len(rows) - 1)]
