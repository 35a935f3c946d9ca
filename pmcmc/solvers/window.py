"""The window that slides over a chain, and what a sweep sees of it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pmcmc.solvers.base import Tally
from pmcmc.solvers.place import Place
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
        place: where the rows are; those on this device are meant by leading axes `W`.
        rows: iterates of the steps, shape `(W, D)`; of a Markov chain moved to where it
            may go, if they are far outside.
        last: the last finished state, shape `(D,)`.
        previous: the state that each step starts from: the last finished one, then the iterates.
        inputs: of the steps, leading axis `W`.
        steps: number of each step in the sequence, shape `(W,)`.
        is_active: whether there are steps left.
        is_live: which rows are steps of the chain, always the first ones of the window.
        is_new: which rows entered since the last sweep, always the last ones of the window.
        n_sweeps: sweeps that the chain has seen.
        n_sweeps_of_batch: sweeps that the batch has seen, the same for all its chains.
    """

    place: Place
    rows: jax.Array
    last: jax.Array
    previous: jax.Array
    inputs: Any
    steps: jax.Array
    is_active: jax.Array
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
    place: Place,
    chain: Chain,
    sequence: Sequence,
    n_steps: jax.Array,
    n_sweeps_of_batch: jax.Array,
) -> View:
    """What a sweep sees of a chain that ends after `n_steps`."""
    n = len(chain.iterates)
    row = place.order(n)
    steps = jnp.minimum(chain.start + row, sequence.length - 1)
    is_active = (chain.start < n_steps) & chain.goes_on
    # Any number may be an iterate: what is verified are the rows as they are seen here.
    rows = chain.iterates
    if chain.region is not None:
        rows = chain.region.keep(rows, chain.last)
    return View(
        place=place,
        rows=rows,
        last=chain.last,
        previous=place.before(rows, chain.last),
        inputs=jax.tree.map(lambda u: u[steps], sequence.inputs),
        steps=steps,
        is_active=is_active,
        is_live=(chain.start + row < n_steps) & is_active,
        is_new=row >= place.size(n) - chain.n_new,
        n_sweeps=chain.tally.sweeps,
        n_sweeps_of_batch=n_sweeps_of_batch,
    )
