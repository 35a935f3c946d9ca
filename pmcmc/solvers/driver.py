"""The one loop that every parallel-in-time method shares.

It slides a window over each chain. A sweep of a method says which rows of the window are verified.
The driver stores them, slides past them, and counts. When the budget of sweeps is spent, it takes
steps one at a time. Each chain of a batch has its own window.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc.solvers.base import Tally, Trajectories
from pmcmc.solvers.method import Method, Swept
from pmcmc.solvers.one_at_a_time import complete, slid
from pmcmc.solvers.place import Place, place_of
from pmcmc.solvers.recursion import Recursion
from pmcmc.solvers.region import Region
from pmcmc.solvers.window import Chain, Sequence, View, look


class Budget(NamedTuple):
    """The number of sweeps that may be spent, and what happens then.

    Args:
        max_sweeps: most sweeps for each window's length of steps, including the final check;
            `None` for no limit.
        is_completed: whether the remaining steps are then taken one at a time, or left unfinished
            with their residuals on record.
        n_logged: number of sweeps to record.
    """

    max_sweeps: jax.Array | None
    is_completed: bool
    n_logged: int


def drive(
    method: Method,
    budget: Budget,
    recursion: Recursion,
    s0: jax.Array,
    inputs: Any,
    n_steps: int | jax.Array,
    window: int,
) -> Trajectories:
    """Sweep until all chains are finished; the other arguments are those of `Solver.run`."""
    sequences = Sequence(s0, inputs, method.data, recursion.seen)
    length = jax.tree.leaves(inputs)[0].shape[1]
    end = jnp.int32(n_steps)

    def is_unfinished(loop: tuple[jax.Array, Chain]) -> jax.Array:
        _, chains = loop
        return jnp.any((chains.start < end) & jax.vmap(lambda chain: chain.goes_on)(chains))

    def body(loop: tuple[jax.Array, Chain]) -> tuple[jax.Array, Chain]:
        n_done, chains = loop
        chains, remaining = jax.vmap(
            lambda chain, sequence: _sweep(method, budget, recursion, chain, sequence, end, n_done)
        )(chains, sequences)
        if budget.max_sweeps is None or not budget.is_completed:
            return n_done + 1, chains
        return n_done + 1, lax.cond(
            jnp.any(remaining > 0),
            lambda chains: complete(method, recursion, chains, sequences, remaining),
            lambda chains: chains,
            chains,
        )

    chains = jax.vmap(lambda sequence: _start(method, budget, recursion, sequence, window))(
        sequences
    )
    _, chains = lax.while_loop(is_unfinished, body, (jnp.int32(0), chains))
    place = place_of(recursion.time_axis, 0)
    states, aux = jax.tree.map(jax.vmap(lambda room: place.taken(room, length)), chains.store)
    row = jnp.arange(length, dtype=jnp.int32)[None]
    is_finished = row < chains.start[:, None]
    states, aux = jax.tree.map(
        lambda out: jnp.where(_beside(is_finished, out), out, jnp.zeros_like(out)), (states, aux)
    )
    is_lost = ~is_finished & (row < end)  # after NaN, where the chain cannot continue
    states = jnp.where(is_lost[..., None], jnp.nan, states)
    return Trajectories.of(states, aux, chains.tally)


def _beside(flags: jax.Array, rows: jax.Array) -> jax.Array:
    """Flags of rows `(chain, row)`, with extra axes to broadcast against the rows."""
    return flags.reshape(*flags.shape, *[1] * (rows.ndim - 2))


def _start(
    method: Method, budget: Budget, recursion: Recursion, sequence: Sequence, window: int
) -> Chain:
    """One chain before its first sweep."""
    origin = sequence.origin
    row = jax.eval_shape(recursion.step, origin, jax.tree.map(lambda u: u[0], sequence.inputs))
    count = jnp.int32(0)
    place = place_of(recursion.time_axis, count)
    n = -(-window // place.n_devices)
    everything = jnp.int32(place.size(n))
    constant = jnp.repeat(origin[None], n, axis=0)
    iterates = method.enter(constant, everything, place, origin, sequence)
    return Chain(
        start=count,
        last=origin,
        iterates=iterates,
        n_new=everything,
        region=_first_region(method, recursion, place, sequence, iterates),
        carry=method.init(recursion, sequence, n),
        store=place.room(sequence.length, n, row),
        block=count,
        spent=count,
        tally=Tally.empty(budget.n_logged, origin.dtype),
    )


def _first_region(
    method: Method, recursion: Recursion, place: Place, sequence: Sequence, guesses: jax.Array
) -> Region | None:
    """The initial region of sweeps; states of the user's guess count as seen."""
    if not recursion.is_chain:
        return None
    seen = Region.nothing_like(sequence.origin) if sequence.seen is None else sequence.seen
    for states in (sequence.origin[None], guesses, method.visited(sequence)):
        seen = seen.include(states)
    return seen.everywhere(place)


def _sweep(
    method: Method,
    budget: Budget,
    recursion: Recursion,
    chain: Chain,
    sequence: Sequence,
    n_steps: jax.Array,
    n_done: jax.Array,
) -> tuple[Chain, jax.Array]:
    """One chain after a sweep, and how many steps of it to take one at a time."""
    place = place_of(recursion.time_axis, chain.start)
    view = look(place, chain, sequence, n_steps, n_done)
    swept, carry = method.sweep(recursion, view, chain.carry)
    window = place.size(len(view.rows))
    row = place.order(len(view.rows))
    block_end = jnp.minimum(chain.block + window, n_steps)
    is_spent = jnp.bool_(False)
    if budget.max_sweeps is not None:
        is_spent = view.is_active & (chain.spent + 1 >= budget.max_sweeps)
    is_stopped = view.is_active & swept.is_stopped
    is_given_up = (is_spent & (not budget.is_completed)) | is_stopped

    # Abandoned rows stay as they are, with their residuals on record.
    n_live = place.length_of_prefix(view.is_live)
    n_given_up = jnp.maximum(block_end - chain.start, swept.n_verified)
    n_given_up = jnp.where(is_stopped, n_live, n_given_up)
    n_standing = jnp.minimum(swept.n_finished, n_live)
    n_finished = jnp.where(is_given_up, n_given_up, n_standing)
    is_left = is_given_up & (row >= swept.n_verified)
    finished = jnp.where(is_left[:, None], view.rows, swept.finished)
    is_judged = (row < n_finished) & ((row < swept.n_verified) | is_given_up)

    start = chain.start + n_finished
    newest = place.at(finished, jnp.maximum(n_finished - 1, 0))
    last = jnp.where(n_finished > 0, newest, chain.last)
    rows = (swept.rows, carry.of_rows)
    iterates, of_rows = slid(
        method, recursion, sequence, chain.start, n_finished, n_finished, last, rows
    )
    is_new_block = start >= block_end
    region = chain.region
    if region is not None:
        # Values one step from the last finished state are where the chain may go, for any noise.
        is_next = jnp.all(view.previous == chain.last[None], axis=-1)
        region = region.include(finished, row < n_finished).include(swept.values, is_next)
        region = region.everywhere(place)
    after = chain._replace(
        start=start,
        last=last,
        iterates=iterates,
        n_new=n_finished,
        region=region,
        carry=carry._replace(of_rows=of_rows),
        store=jax.tree.map(place.put, chain.store, (finished, swept.aux)),
        block=jnp.where(is_new_block, start, chain.block),
        spent=jnp.where(is_new_block, 0, chain.spent + 1),
        tally=_counted(chain.tally, view, swept, start, is_judged, budget.n_logged),
    )
    return after, jnp.where(is_spent, jnp.maximum(block_end - start, 0), 0)


def _counted(
    tally: Tally,
    view: View,
    swept: Swept,
    start: jax.Array,
    is_judged: jax.Array,
    n_logged: int,
) -> Tally:
    """The tally including one more sweep and the residuals of the finished rows."""

    def largest(of_rows: jax.Array, which: jax.Array) -> jax.Array:
        return view.place.max(jnp.max(jnp.where(which, of_rows, 0.0)))

    residual = largest(swept.residual, is_judged)
    scaled_residual = largest(swept.scaled_residual, is_judged)
    return swept.cost.added_to(tally, view.is_active)._replace(
        residual=jnp.maximum(tally.residual, residual),
        scaled_residual=jnp.maximum(tally.scaled_residual, scaled_residual),
        sweep_log=tally.sweep_log.record(
            jnp.where(view.is_active, tally.sweeps, n_logged),
            largest(swept.residual, view.is_live),
            start,
            swept.n_reset,
            swept.merit,
        ),
    )
