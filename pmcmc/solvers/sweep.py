"""One sweep over the window of one chain."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from pmcmc._keys import internal_key
from pmcmc.solvers.base import Recursion
from pmcmc.solvers.damping.base import Recurrence
from pmcmc.solvers.scan import affine_scan
from pmcmc.solvers.tolerance import tolerance, typical_step
from pmcmc.solvers.window import Chain, Method, Sequence, enter, goes_on, slide


def sweep(
    method: Method,
    recursion: Recursion,
    chain: Chain,
    sequence: Sequence,
    n_steps: jax.Array,
    n_done: jax.Array,
) -> tuple[Chain, jax.Array]:
    """One sweep of one chain: the chain after it, and the steps to take one at a time.

    Args:
        method: the choices.
        recursion: the map of one step.
        chain: before the sweep.
        sequence: what is given of it.
        n_steps: where the chain ends.
        n_done: sweeps that the batch has seen.
    """
    window = chain.iterates.shape[0]
    row = jnp.arange(window, dtype=jnp.int32)
    is_live = (chain.start + row < n_steps) & goes_on(chain)
    is_active = is_live[0]

    # Evaluate all steps of the window, and linearise them, at the current iterates.
    previous = jnp.concatenate([chain.last[None], chain.iterates[:-1]])
    step = jnp.minimum(chain.start + row, sequence.length - 1)
    noise = jax.tree.map(lambda u: u[step], sequence.inputs)
    value, aux, estimates = _linearize(method, recursion, previous, noise, chain, n_done)

    # A row is finished when it and all before it are within tolerance (NaN is not).
    error = jnp.where(value == chain.iterates, 0.0, value - chain.iterates)  # equal infinities
    allowed = tolerance(
        method.atol, method.rtol, chain.iterates, typical_step(value - previous, is_live)
    )
    in_tolerances = jnp.where(error == 0, 0.0, jnp.abs(error) / allowed)
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

    merits = jnp.where(is_live, jnp.sum(error**2, axis=-1), 0.0)
    is_new = row >= window - chain.n_new
    damping = chain.damping
    if method.damping is not None:
        kept = jnp.sum(jnp.where(is_new, 0.0, merits))
        damping = method.damping.adapt(damping, chain.merit, kept)
    is_jacobi = is_new & method.guess.is_swept
    recurrence = Recurrence(_cleaned(estimates, is_jacobi), method.coordinates.enter(error), step)
    update = _update(method, recurrence, damping, value)
    # Any number may take the place of an overflow: a sweep still finishes at least one more step.
    is_number = jnp.isfinite(update)
    fallback = jnp.where(jnp.isfinite(value), value, chain.last[None])
    update = jnp.where(is_number, update, fallback)

    last = jnp.where(n_finished > 0, finished[jnp.maximum(n_finished - 1, 0)], chain.last)
    residual = jnp.max(jnp.abs(error), axis=-1)
    after = Chain(
        start=start,
        last=last,
        iterates=enter(method, slide(update, n_finished), n_finished, start, last, sequence),
        n_new=n_finished,
        matrices=jax.tree.map(
            lambda m: slide(m, n_finished), estimates if method.structure.every > 1 else ()
        ),
        damping=damping,
        merit=jnp.sum(merits),
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
            jnp.sum(is_live & ~jnp.all(is_number, axis=-1), dtype=jnp.int32),
        ),
    )
    return after, remaining


def no_matrices(method: Method, recursion: Recursion, sequence: Sequence, window: int) -> Any:
    """Room for the matrices of one chain where they are held, leading axis `W`; else nothing."""
    if method.structure.every == 1:
        return ()
    u = jax.tree.map(lambda u: u[0], sequence.inputs)
    matrix = jax.eval_shape(
        lambda s: method.structure.linearize(
            lambda s: recursion.step(s, u), s, method.coordinates, internal_key(0)
        )[2],
        sequence.origin,
    )
    return jax.tree.map(lambda x: jnp.zeros((window, *x.shape), x.dtype), matrix)


def _linearize(
    method: Method,
    recursion: Recursion,
    previous: jax.Array,
    noise: Any,
    chain: Chain,
    n_done: jax.Array,
) -> tuple[jax.Array, Any, Any]:
    """Values of the map from the `previous` states, their aux, and the matrices there."""
    key = jax.random.fold_in(internal_key(0), chain.sweeps)
    keys = jax.random.split(key, len(previous))

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


def _cleaned(matrices: Any, is_jacobi: jax.Array) -> Any:
    """The matrices, zero where they overflowed and where a Jacobi sweep is wanted.

    Any matrix is valid, and one that is not finite would spoil all rows behind it.
    """

    def clean(leaf: jax.Array) -> jax.Array:
        is_zero = is_jacobi.reshape(-1, *[1] * (leaf.ndim - 1)) | ~jnp.isfinite(leaf)
        return jnp.where(is_zero, 0.0, leaf)

    return jax.tree.map(clean, matrices)


def _update(method: Method, recurrence: Recurrence, damping: Any, value: jax.Array) -> jax.Array:
    """New iterates: the values, moved by the increments before them.

    The increments follow the recurrence, which the errors drive. In this form the row behind a
    finished one is exact to the last bit.
    """
    damped = recurrence
    if method.damping is not None:
        damped = method.damping.damp(method.structure, recurrence, damping)
    increments = affine_scan(method.structure, damped.matrices, damped.offsets)
    before = jnp.concatenate([jnp.zeros_like(increments[:1]), increments[:-1]])
    correction = jax.vmap(method.structure.apply)(damped.matrices, before)
    is_same = damped.offsets == recurrence.offsets  # where infinities are, too
    correction += jnp.where(is_same, 0.0, damped.offsets - recurrence.offsets)
    return value + method.coordinates.leave(correction)
