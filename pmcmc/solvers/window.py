"""The window that slides over a chain, and what a sweep sees of it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pmcmc.solvers.base import Tally
from pmcmc.solvers.region import Region


class Sequence(NamedTuple):
    """What is given of one chain, leading axis `T` but for the start.

    Args:
        origin: the start, shape `(D,)`.
        inputs: pytree of inputs.
        data: what else the method was given per step, such as guesses.
        seen: where the chain has been before, `None` where nothing is known.
    """

    origin: jax.Array
    inputs: Any
    data: Any
    seen: Region | None

    @property
    def length(self) -> int:
        """The number of inputs `T`."""
        leaf: jax.Array = jax.tree.leaves(self.inputs)[0]
        return leaf.shape[0]


class Carry(NamedTuple):
    """What a method carries from sweep to sweep of one chain.

    Args:
        of_rows: pytree with leading axis `W`, which slides with the window.
        of_chain: pytree that stays.
    """

    of_rows: Any = ()
    of_chain: Any = ()


class View(NamedTuple):
    """The window of one chain before a sweep.

    Args:
        rows: iterates of the steps, shape `(W, D)`; of a Markov chain moved to where it
            may go, if they are far outside.
        previous: the state that each step starts from: the last finished one, then the iterates.
        inputs: of the steps, leading axis `W`.
        steps: number of each step in the sequence, shape `(W,)`.
        is_live: which rows are steps of the chain, always the first ones.
        is_new: which rows entered since the last sweep, always the last ones.
        n_sweeps: sweeps that the chain has seen.
        n_sweeps_of_batch: sweeps that the batch has seen, the same for all its chains.
    """

    rows: jax.Array
    previous: jax.Array
    inputs: Any
    steps: jax.Array
    is_live: jax.Array
    is_new: jax.Array
    n_sweeps: jax.Array
    n_sweeps_of_batch: jax.Array


class Chain(NamedTuple):
    """Where the solution of one chain stands.

    A block is the window's length of steps that the budget of sweeps is counted for.
    """

    start: jax.Array  # steps finished
    last: jax.Array  # the last finished state, (D,)
    iterates: jax.Array  # of the steps from start on, (W, D)
    n_new: jax.Array  # how many of them entered since the last sweep
    region: Region | None  # where sweeps may go; None for anywhere
    carry: Carry  # the method's
    store: Any  # (states, aux), finished up to start, room for W rows beyond the end
    block: jax.Array  # first step of the block
    spent: jax.Array  # sweeps spent on the block
    tally: Tally

    @property
    def goes_on(self) -> jax.Array:
        """Whether there is a chain to go on with: NaN would only spread, one step a sweep."""
        return ~jnp.any(jnp.isnan(self.last))


def look(
    chain: Chain, sequence: Sequence, n_steps: jax.Array, n_sweeps_of_batch: jax.Array
) -> View:
    """What a sweep sees of a chain that ends after `n_steps`."""
    window = chain.iterates.shape[0]
    row = jnp.arange(window, dtype=jnp.int32)
    steps = jnp.minimum(chain.start + row, sequence.length - 1)
    # Any number may be an iterate: what is verified are the rows as they are seen here.
    rows = chain.iterates
    if chain.region is not None:
        rows = chain.region.keep(rows, chain.last)
    return View(
        rows=rows,
        previous=jnp.concatenate([chain.last[None], rows[:-1]]),
        inputs=jax.tree.map(lambda u: u[steps], sequence.inputs),
        steps=steps,
        is_live=(chain.start + row < n_steps) & chain.goes_on,
        is_new=row >= window - chain.n_new,
        n_sweeps=chain.tally.sweeps,
        n_sweeps_of_batch=n_sweeps_of_batch,
    )


def slide(rows: jax.Array, n_finished: jax.Array) -> jax.Array:
    """Drop the first rows; the rows that enter are copies of the last one."""
    row = jnp.arange(len(rows), dtype=jnp.int32)
    return rows[jnp.minimum(row + n_finished, len(rows) - 1)]
