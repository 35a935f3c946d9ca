"""Blocks of chains, all advanced by one compiled program, on threads of the host."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._chain.layout import Layout
from pmcmc._chain.noise import chain_noise
from pmcmc._chain.segment import Segment
from pmcmc._chain.starts import device_of
from pmcmc._util.programs import Ready
from pmcmc._util.threads import in_threads


class Programs(NamedTuple):
    """The compiled programs for the noise and the chain of a block.

    Args:
        noise: `chain_noise`, compiled.
        chain: the `chain` given to `compiled`, compiled.
    """

    noise: Ready
    chain: Ready

    @classmethod
    def compiled(
        cls, logdensity: Any, chain: Any, length: int, keeps_proposals: bool, *call: Any
    ) -> "Programs":
        """Compile the programs for a call with arguments like these.

        Args:
            logdensity: first argument of `chain`.
            chain: made by `jit_of_function`. Its other arguments are solver, kernel, positions,
                noise, number of steps, and whether to keep proposals.
            length: number of steps of the noise.
            keeps_proposals: whether `chain` also returns the proposals.
            *call: solver, kernel, positions of a block, key, first step, number of steps.
        """
        solver, kernel, positions, rng_key, first_step, n_steps = call
        of_noise = (kernel, positions, rng_key, first_step, n_steps, length, np.uint32(0))
        noise = chain_noise.ready(*of_noise)
        rows = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), noise.out_info)
        of_chain = (logdensity, solver, kernel, positions, rows, n_steps, keeps_proposals)
        return cls(noise, chain.ready(*of_chain))


def run_blocks(
    layout: Layout, positions: jax.Array, advance: Callable[[jax.Array, np.uint32], Segment]
) -> Segment:
    """Advance all chains in blocks, and join the results to one segment.

    Args:
        layout: size of the blocks, and number of threads.
        positions: shape `(chain, D)`.
        advance: maps the positions of a block and the number of its first chain to its segment;
            several threads call it at once.
    """
    n_chains = len(positions)
    # One program needs blocks of one size, so the last block repeats chains of the one before.
    starts = [min(i, n_chains - layout.block) for i in range(0, n_chains, layout.block)]
    n_new = np.diff([0, *(start + layout.block for start in starts)])
    rows = np.asarray(positions)
    device = device_of(positions)
    calls = [
        functools.partial(advance, jax.device_put(rows[i : i + layout.block], device), np.uint32(i))
        for i in starts
    ]
    segments = in_threads(calls, layout.n_threads)

    def joined(*blocks: Any) -> np.ndarray:
        return np.concatenate([x[len(x) - n :] for x, n in zip(blocks, n_new, strict=True)])

    segment = jax.tree.map(joined, *segments)
    return segment._replace(last=jax.device_put(segment.last, device))
