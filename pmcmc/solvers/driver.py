"""The one loop that every parallel-in-time method shares.

It slides a window over each chain. A sweep evaluates all steps of the window at once, finishes the
longest prefix whose residual is within tolerance, moves the rest of the window by a Newton-type
update, and slides past what is finished. Each chain of a batch slides on its own.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc.solvers.base import Recursion, Trace, Trajectories
from pmcmc.solvers.guesses import TrajectoryGuess
from pmcmc.solvers.sweep import no_matrices, sweep
from pmcmc.solvers.window import Chain, Method, Sequence, enter, goes_on, slide


def drive(
    method: Method,
    recursion: Recursion,
    s0: jax.Array,
    inputs: Any,
    n_steps: int | jax.Array,
    window: int,
) -> Trajectories:
    """Sweep until all chains are finished; arguments as in `Solver.run`."""
    table = method.guess.states if isinstance(method.guess, TrajectoryGuess) else None
    sequences = Sequence(s0, inputs, table)
    length = jax.tree.leaves(inputs)[0].shape[1]
    end = jnp.int32(n_steps)

    def is_unfinished(loop: tuple[jax.Array, Chain]) -> jax.Array:
        _, chains = loop
        return jnp.any((chains.start < end) & jax.vmap(goes_on)(chains))

    def body(loop: tuple[jax.Array, Chain]) -> tuple[jax.Array, Chain]:
        n_done, chains = loop
        chains, remaining = jax.vmap(
            lambda chain, sequence: sweep(method, recursion, chain, sequence, end, n_done)
        )(chains, sequences)
        if method.max_sweeps is None or not method.is_completed:
            return n_done + 1, chains
        return n_done + 1, lax.cond(
            jnp.any(remaining > 0),
            lambda chains: _complete(method, recursion, chains, sequences, remaining),
            lambda chains: chains,
            chains,
        )

    chains = jax.vmap(lambda sequence: _start(method, recursion, sequence, window))(sequences)
    _, chains = lax.while_loop(is_unfinished, body, (jnp.int32(0), chains))
    states, aux = jax.tree.map(lambda out: out[:, :length], chains.store)
    is_finished = jnp.arange(length)[None] < chains.start[:, None]
    return Trajectories(
        states=jnp.where(is_finished[..., None], states, jnp.nan),
        aux=aux,
        sweeps=chains.sweeps,
        sequential_steps=chains.sequential_steps,
        evaluations=chains.sweeps * window + chains.sequential_steps,
        residual=chains.residual,
        scaled_residual=chains.scaled_residual,
        trace=chains.trace,
    )


def _start(method: Method, recursion: Recursion, sequence: Sequence, window: int) -> Chain:
    """One chain before its first sweep."""
    origin = sequence.origin
    row = jax.eval_shape(recursion.step, origin, jax.tree.map(lambda u: u[0], sequence.inputs))
    zero, count = jnp.zeros((), origin.dtype), jnp.int32(0)
    everything = jnp.int32(window)
    constant = jnp.repeat(origin[None], window, axis=0)
    return Chain(
        start=count,
        last=origin,
        iterates=enter(method, constant, everything, count, origin, sequence),
        n_new=everything,
        matrices=no_matrices(method, recursion, sequence, window),
        damping=() if method.damping is None else method.damping.init(origin.dtype),
        merit=jnp.full((), jnp.nan, origin.dtype),
        store=jax.tree.map(lambda x: jnp.zeros((sequence.length + window, *x.shape), x.dtype), row),
        block=count,
        spent=count,
        sweeps=count,
        sequential_steps=count,
        residual=zero,
        scaled_residual=zero,
        trace=Trace.empty(method.n_traced, origin.dtype),
    )


def _complete(
    method: Method,
    recursion: Recursion,
    chains: Chain,
    sequences: Sequence,
    remaining: jax.Array,
) -> Chain:
    """Take the `remaining` steps of each chain one at a time."""
    n_chains, length = jax.tree.leaves(sequences.inputs)[0].shape[:2]
    chain = jnp.arange(n_chains)

    def body(i: jax.Array, loop: tuple[jax.Array, Any]) -> tuple[jax.Array, Any]:
        state, store = loop
        is_live = i < remaining
        t = chains.start + i
        noise = jax.tree.map(lambda u: u[chain, jnp.minimum(t, length - 1)], sequences.inputs)
        new = jax.vmap(recursion.step)(state, noise)
        # Chains with nothing left write to rows that are not finished, as sweeps do.
        store = jax.tree.map(lambda out, x: out.at[chain, t].set(x), store, new)
        return jnp.where(is_live[:, None], new[0], state), store

    loop = (chains.last, chains.store)
    last, store = lax.fori_loop(0, jnp.max(remaining), body, loop)
    start = chains.start + remaining
    window = chains.iterates.shape[1]
    n_new = jnp.minimum(chains.n_new + remaining, window)
    iterates, matrices = jax.tree.map(
        lambda rows: jax.vmap(slide)(rows, remaining), (chains.iterates, chains.matrices)
    )
    is_new_block = remaining > 0
    return chains._replace(
        start=start,
        last=last,
        iterates=jax.vmap(functools.partial(enter, method))(
            iterates, n_new, start, last, sequences
        ),
        n_new=n_new,
        matrices=matrices,
        store=store,
        block=jnp.where(is_new_block, start, chains.block),
        spent=jnp.where(is_new_block, 0, chains.spent),
        sequential_steps=chains.sequential_steps + remaining,
    )
