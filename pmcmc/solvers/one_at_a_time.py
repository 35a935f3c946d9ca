"""Takes the steps that sweeps left one at a time, and slides the window past them."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc.solvers.method import Method
from pmcmc.solvers.place import place_of
from pmcmc.solvers.recursion import Recursion
from pmcmc.solvers.region import Region
from pmcmc.solvers.window import Chain, Sequence


def slid(
    method: Method,
    recursion: Recursion,
    sequence: Sequence,
    start: jax.Array,
    n_finished: jax.Array,
    n_new: jax.Array,
    last: jax.Array,
    rows: tuple[jax.Array, Any],
) -> tuple[jax.Array, Any]:
    """Iterates, and a method's data of rows, after steps from `start` on were finished."""
    slide = functools.partial(place_of(recursion.time_axis, start).slide, n_finished=n_finished)
    iterates, of_rows = jax.tree.map(slide, rows)
    place = place_of(recursion.time_axis, start + n_finished)
    return method.enter(iterates, n_new, place, last, sequence), of_rows


def complete(
    method: Method,
    recursion: Recursion,
    chains: Chain,
    sequences: Sequence,
    remaining: jax.Array,
) -> Chain:
    """Take the `remaining` steps of each chain one at a time."""
    n_chains, length = jax.tree.leaves(sequences.inputs)[0].shape[:2]
    chain, n = jnp.arange(n_chains), chains.iterates.shape[1]

    def body(i: jax.Array, loop: tuple[jax.Array, Any, Any]) -> tuple[jax.Array, Any, Any]:
        state, store, region = loop
        is_live = i < remaining
        t = chains.start + i
        noise = jax.tree.map(lambda u: u[chain, jnp.minimum(t, length - 1)], sequences.inputs)
        new = jax.vmap(recursion.step)(state, noise)

        def put(t: jax.Array, store: Any, new: Any) -> Any:
            place = place_of(recursion.time_axis, t)
            return jax.tree.map(lambda room, row: place.put_one(room, row, n), store, new)

        # Chains with nothing left write to rows that are not finished, as sweeps do.
        store = jax.vmap(put)(t, store, new)
        if region is not None:
            region = jax.vmap(Region.include)(region, new[0][:, None], is_live[:, None])
        return jnp.where(is_live[:, None], new[0], state), store, region

    loop = (chains.last, chains.store, chains.region)
    last, store, region = lax.fori_loop(0, jnp.max(remaining), body, loop)
    start = chains.start + remaining
    n_new = jnp.minimum(chains.n_new + remaining, place_of(recursion.time_axis, 0).size(n))

    iterates, of_rows = jax.vmap(functools.partial(slid, method, recursion))(
        sequences, chains.start, remaining, n_new, last, (chains.iterates, chains.carry.of_rows)
    )
    is_new_block = remaining > 0
    return chains._replace(
        start=start,
        last=last,
        iterates=iterates,
        n_new=n_new,
        region=region,
        carry=chains.carry._replace(of_rows=of_rows),
        store=store,
        block=jnp.where(is_new_block, start, chains.block),
        spent=jnp.where(is_new_block, 0, chains.spent),
        tally=chains.tally._replace(
            sequential_steps=chains.tally.sequential_steps + remaining,
            evaluations=chains.tally.evaluations + remaining,
            calls=chains.tally.calls + recursion.calls.step * remaining.astype(chains.last.dtype),
        ),
    )
