"""The one loop that every parallel-in-time method shares.

It slides a window over each chain. A sweep evaluates all steps of the window at once, finishes the
longest prefix whose residual is within tolerance, moves the rest of the window by a Newton-type
update, and slides past what is finished. Each chain of a batch slides on its own.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc.solvers.base import Recursion, Trace, Trajectories
from pmcmc.solvers.coordinates import Coordinates
from pmcmc.solvers.damping import Damping
from pmcmc.solvers.damping.base import Recurrence
from pmcmc.solvers.guesses import Entry, Guess, TrajectoryGuess
from pmcmc.solvers.scan import affine_scan
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


class _Sequence(NamedTuple):
    """What is given of one chain."""

    origin: jax.Array  # (D,)
    inputs: Any  # leading axis T
    table: jax.Array | None  # given guesses, (T, D)


class _Chain(NamedTuple):
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


def drive(
    method: Method,
    recursion: Recursion,
    s0: jax.Array,
    inputs: Any,
    n_steps: int | jax.Array,
    window: int,
) -> Trajectories:
    """Sweep until all chains are finished; arguments as in `Solver.run`."""
    n_chains, length = jax.tree.leaves(inputs)[0].shape[:2]
    end = jnp.int32(n_steps)
    table = method.guess.states if isinstance(method.guess, TrajectoryGuess) else None
    sequence = _Sequence(s0, inputs, table)

    def is_unfinished(loop: tuple[jax.Array, _Chain]) -> jax.Array:
        _, chains = loop
        return jnp.any((chains.start < end) & jax.vmap(_goes_on)(chains))

    def body(loop: tuple[jax.Array, _Chain]) -> tuple[jax.Array, _Chain]:
        n_done, chains = loop
        chains, remaining = jax.vmap(
            lambda chain, seq: _sweep(method, recursion, chain, seq, end, n_done)
        )(chains, sequence)
        if method.max_sweeps is None or not method.is_completed:
            return n_done + 1, chains
        return n_done + 1, lax.cond(
            jnp.any(remaining > 0),
            lambda chains: _complete(method, recursion, chains, sequence, remaining),
            lambda chains: chains,
            chains,
        )

    row = jax.eval_shape(recursion.step, s0[0], jax.tree.map(lambda u: u[0, 0], inputs))
    count = jnp.zeros(n_chains, jnp.int32)
    rows = jnp.repeat(s0[:, None], window, axis=1)
    everything = jnp.full(n_chains, window, jnp.int32)
    chains = _Chain(
        start=count,
        last=s0,
        iterates=jax.vmap(functools.partial(_enter, method))(rows, everything, count, s0, sequence),
        n_new=everything,
        matrices=_no_matrices(method, recursion, sequence, window),
        damping=jax.tree.map(
            lambda x: jnp.broadcast_to(x, (n_chains, *x.shape)),
            () if method.damping is None else method.damping.init(s0.dtype),
        ),
        merit=jnp.full(n_chains, jnp.nan, s0.dtype),
        store=jax.tree.map(
            lambda x: jnp.zeros((n_chains, length + window, *x.shape), x.dtype), row
        ),
        block=count,
        spent=count,
        sweeps=count,
        sequential_steps=count,
        residual=jnp.zeros(n_chains, s0.dtype),
        scaled_residual=jnp.zeros(n_chains, s0.dtype),
        trace=Trace.empty(n_chains, method.n_traced, s0.dtype),
    )
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


def _goes_on(chain: _Chain) -> jax.Array:
    """Whether there is a chain to go on with: NaN would only spread, one step a sweep."""
    return ~jnp.any(jnp.isnan(chain.last))


def _sweep(
    method: Method,
    recursion: Recursion,
    chain: _Chain,
    sequence: _Sequence,
    n_steps: jax.Array,
    n_done: jax.Array,
) -> tuple[_Chain, jax.Array]:
    """One sweep of one chain: the chain after it, and the steps to take one at a time."""
    window = chain.iterates.shape[0]
    length = jax.tree.leaves(sequence.inputs)[0].shape[0]
    row = jnp.arange(window, dtype=jnp.int32)
    is_live = (chain.start + row < n_steps) & _goes_on(chain)
    is_active = is_live[0]

    # Evaluate all steps of the window, and linearise them, at the current iterates.
    previous = jnp.concatenate([chain.last[None], chain.iterates[:-1]])
    step = jnp.minimum(chain.start + row, length - 1)
    noise = jax.tree.map(lambda u: u[step], sequence.inputs)
    value, aux, estimates = _linearize(method, recursion, previous, noise, chain, n_done)

    # A row is finished when it and all before it are within tolerance (NaN is not).
    error = jnp.where(
        value == chain.iterates, 0.0, value - chain.iterates
    )  # infinities may be equal
    tolerance = _tolerance(method, chain.iterates, _typical_step(value - previous, is_live))
    in_tolerances = jnp.where(error == 0, 0.0, jnp.abs(error) / tolerance)
    scaled_residual = jnp.max(in_tolerances, axis=-1)
    n_verified = jnp.sum(jnp.cumprod(is_live & (scaled_residual <= 1)), dtype=jnp.int32)

    # When the budget of a block is spent, the rest of it is taken one step at a time, or given up:
    # left as it is, with its residual on record.
    block_end = jnp.minimum(chain.block + window, n_steps)
    if method.max_sweeps is None:
        is_spent = jnp.bool_(False)
    else:
        is_spent = is_active & (chain.spent + 1 >= method.max_sweeps)
    is_given_up = is_spent & (not method.is_completed)

    # The row behind the verified ones was evaluated at a verified state: its value is exact.
    is_exact = (row == n_verified) & ~is_given_up
    finished = jnp.where(is_exact[:, None], value, chain.iterates)
    n_finished = jnp.minimum(n_verified + 1, jnp.sum(is_live, dtype=jnp.int32))
    n_finished = jnp.where(
        is_given_up, jnp.maximum(block_end - chain.start, n_verified), n_finished
    )
    start = chain.start + n_finished
    remaining = jnp.where(is_spent, jnp.maximum(block_end - start, 0), 0)
    is_new_block = start >= block_end

    def largest(old: jax.Array, of_rows: jax.Array) -> jax.Array:
        is_judged = (row < n_finished) & ~is_exact
        return jnp.maximum(old, jnp.max(jnp.where(is_judged, of_rows, 0.0)))

    # Newton-type update: increments follow a linear recurrence driven by the errors. Any matrix is
    # valid, so one that overflowed may be zero.
    is_new = row >= window - chain.n_new
    is_jacobi = is_new & method.guess.is_swept
    matrices = jax.tree.map(
        lambda m: jnp.where(jnp.isfinite(m) & ~_along(is_jacobi, m), m, 0.0), estimates
    )
    offsets = method.coordinates.enter(error)
    recurrence = Recurrence(matrices, offsets, step)
    merits = jnp.where(is_live, jnp.sum(error**2, axis=-1), 0.0)
    state = chain.damping
    if method.damping is not None:
        kept = jnp.sum(jnp.where(is_new, 0.0, merits))
        state = method.damping.adapt(state, chain.merit, kept)
        recurrence = method.damping.damp(method.structure, recurrence, state)
    increments = affine_scan(method.structure, recurrence.matrices, recurrence.offsets)
    before = jnp.concatenate([jnp.zeros_like(increments[:1]), increments[:-1]])
    correction = jax.vmap(method.structure.apply)(recurrence.matrices, before)
    damped = recurrence.offsets
    correction += jnp.where(damped == offsets, 0.0, damped - offsets)  # infinities may be equal
    update = value + method.coordinates.leave(correction)
    # Any number may take the place of an overflow: a sweep still finishes at least one more step.
    is_number = jnp.isfinite(update)
    fallback = jnp.where(jnp.isfinite(value), value, chain.last[None])
    update = jnp.where(is_number, update, fallback)

    residual = jnp.max(jnp.abs(error), axis=-1)
    n_reset = jnp.sum(is_live & ~jnp.all(is_number, axis=-1), dtype=jnp.int32)
    last = jnp.where(n_finished > 0, finished[jnp.maximum(n_finished - 1, 0)], chain.last)
    chain = _Chain(
        start=start,
        last=last,
        iterates=_enter(method, _slide(update, n_finished), n_finished, start, last, sequence),
        n_new=n_finished,
        matrices=jax.tree.map(
            lambda m: _slide(m, n_finished), estimates if method.structure.every > 1 else ()
        ),
        damping=state,
        merit=jnp.where(is_active, jnp.sum(merits), chain.merit),
        store=jax.tree.map(
            lambda out, new: lax.dynamic_update_slice_in_dim(out, new, chain.start, 0),
            chain.store,
            (finished, aux),
        ),
        block=jnp.where(is_new_block, start, chain.block),
        spent=jnp.where(is_new_block, 0, chain.spent + 1),
        sweeps=chain.sweeps + is_active,
        sequential_steps=chain.sequential_steps,
        residual=largest(chain.residual, residual),
        scaled_residual=largest(chain.scaled_residual, scaled_residual),
        trace=chain.trace.record(
            jnp.where(is_active, chain.sweeps, method.n_traced),
            jnp.max(jnp.where(is_live, residual, 0.0)),
            start,
            n_reset,
        ),
    )
    return chain, remaining


def _linearize(
    method: Method,
    recursion: Recursion,
    previous: jax.Array,
    noise: Any,
    chain: _Chain,
    n_done: jax.Array,
) -> tuple[jax.Array, Any, Any]:
    """Values of the map from the `previous` states, their aux, and the matrices there."""
    key = jax.random.fold_in(jax.random.key(0), chain.sweeps)
    keys = jax.random.split(key, previous.shape[0])

    def estimate() -> tuple[jax.Array, Any, Any]:
        out: tuple[jax.Array, Any, Any] = jax.vmap(
            lambda state, u, key: method.structure.linearize(
                lambda s: recursion.step(s, u), state, method.coordinates, key
            )
        )(previous, noise, keys)
        return out

    def hold() -> tuple[jax.Array, Any, Any]:
        return *jax.vmap(recursion.step)(previous, noise), chain.matrices

    if method.structure.every == 1:
        return estimate()
    # The number of sweeps that all chains have seen: a condition of each chain would evaluate both.
    is_due = n_done % method.structure.every == 0
    out: tuple[jax.Array, Any, Any] = lax.cond(is_due, estimate, hold)
    return out


def _no_matrices(method: Method, recursion: Recursion, sequence: _Sequence, window: int) -> Any:
    """Room for matrices that are held, leading axes `(chain, W)`; nothing where they are not."""
    if method.structure.every == 1:
        return ()

    def matrix(seq: _Sequence) -> Any:
        u = jax.tree.map(lambda u: u[0], seq.inputs)
        return method.structure.linearize(
            lambda s: recursion.step(s, u), seq.origin, method.coordinates, jax.random.key(0)
        )[2]

    return jax.tree.map(
        lambda x: jnp.zeros((x.shape[0], window, *x.shape[1:]), x.dtype),
        jax.eval_shape(jax.vmap(matrix), sequence),
    )


def _along(mask: jax.Array, leaf: jax.Array) -> jax.Array:
    """A mask `(W,)` with axes added for the rows of a leaf `(W, ...)`."""
    return mask.reshape(-1, *[1] * (leaf.ndim - 1))


def _typical_step(steps: jax.Array, is_live: jax.Array) -> jax.Array:
    """Geometric mean of the sizes of the steps of a window, `(W, D)`, per coordinate.

    Rejections, which are no steps, do not count; one jump among many steps hardly does.
    """
    size = jnp.abs(steps)
    counts = is_live[:, None] & jnp.isfinite(size) & (size > 0)
    logs = jnp.where(counts, jnp.log(jnp.where(counts, size, 1.0)), 0.0)
    n_steps = jnp.sum(counts, axis=0)
    return jnp.where(n_steps > 0, jnp.exp(jnp.sum(logs, axis=0) / jnp.maximum(n_steps, 1)), 0.0)


def _tolerance(method: Method, states: jax.Array, scale: jax.Array) -> jax.Array:
    """Largest residual of a finished state, at most `atol + rtol * |s|`.

    Where the chain moves by less than 1, or by less than its distance from the origin, its moves
    are what counts: a tolerance as large as they are would let any chain pass. The last term is
    rounding, below which a residual cannot be seen.
    """
    size = jnp.abs(states)
    rounding = jnp.minimum(method.rtol, 2 * jnp.finfo(states.dtype).eps) * size
    relative = method.rtol * jnp.minimum(size, scale[None])
    return method.atol * jnp.minimum(scale, 1.0)[None] + jnp.maximum(relative, rounding)


def _complete(
    method: Method,
    recursion: Recursion,
    chains: _Chain,
    sequence: _Sequence,
    remaining: jax.Array,
) -> _Chain:
    """Take the `remaining` steps of each chain one at a time."""
    inputs = sequence.inputs
    n_chains, length = jax.tree.leaves(inputs)[0].shape[:2]
    chain = jnp.arange(n_chains)

    def body(i: jax.Array, loop: tuple[jax.Array, Any]) -> tuple[jax.Array, Any]:
        state, store = loop
        is_live = i < remaining
        t = chains.start + i
        noise = jax.tree.map(lambda u: u[chain, jnp.minimum(t, length - 1)], inputs)
        new = jax.vmap(recursion.step)(state, noise)
        # Chains with nothing left write to rows that are not finished, as sweeps do.
        store = jax.tree.map(lambda out, x: out.at[chain, t].set(x), store, new)
        return jnp.where(is_live[:, None], new[0], state), store

    loop = (chains.last, chains.store)
    last, store = lax.fori_loop(0, jnp.max(remaining), body, loop)
    start = chains.start + remaining
    n_new = jnp.minimum(chains.n_new + remaining, chains.iterates.shape[1])
    is_new_block = remaining > 0
    return chains._replace(
        start=start,
        last=last,
        guess=jax.vmap(_slide)(chains.guess, remaining),
        store=store,
        block=jnp.where(is_new_block, start, chains.block),
        spent=jnp.where(is_new_block, 0, chains.spent),
        sequential_steps=chains.sequential_steps + remaining,
    )


def _enter(
    method: Method,
    rows: jax.Array,
    n_new: jax.Array,
    start: jax.Array,
    last: jax.Array,
    sequence: _Sequence,
) -> jax.Array:
    """The window of one chain, with a first guess for the last `n_new` rows."""
    window = rows.shape[0]
    length = jax.tree.leaves(sequence.inputs)[0].shape[0]
    row = jnp.arange(window, dtype=jnp.int32)
    entry = Entry(
        rows=rows,
        is_new=row >= window - n_new,
        steps=jnp.minimum(start + row, length - 1),
        origin=sequence.origin,
        last=last,
        inputs=sequence.inputs,
        table=sequence.table,
    )
    return method.guess.enter(entry)


def _slide(rows: jax.Array, n_finished: jax.Array) -> jax.Array:
    """Drop the first rows; the rows that enter start from the last one."""
    window = rows.shape[0]
    return rows[jnp.minimum(jnp.arange(window, dtype=jnp.int32) + n_finished, window - 1)]
