"""A batch of chains in blocks, all through one compiled program, on threads of the host."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._chain.layout import Layout
from pmcmc._chain.noise import chain_noise
from pmcmc._chain.segment import Segment
from pmcmc._util.programs import Ready
from pmcmc._util.threads import in_threads


class Programs(NamedTuple):
    """Noise and chain of a block, compiled.

    Args:
        noise: as `chain_noise`.
        chain: as what `compiled` was given.
    """

    noise: Ready
    chain: Ready

    @classmethod
    def compiled(
        cls, logdensity: Any, chain: Any, length: int, keeps_proposals: bool, *call: Any
    ) -> "Programs":
        """For a call with arguments such as these.

        Args:
            logdensity: first argument of `chain`.
            chain: made by `jit_of_function`, called with solver, kernel, positions, noise, number
                of steps,
                whether to keep proposals.
            length: of the noise.
            keeps_proposals: whether they come out, too.
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
    """A segment of all chains.

    Args:
        layout: chains in a block, and threads.
        positions: shape `(chain, D)`.
        advance: from the positions of a block and the number of its first chain to its segment; it
            is called in several threads at once.
    """
    n_chains = len(positions)
    # All blocks are of one size, for one program: the last one repeats chains of that before it.
    starts = [min(i, n_chains - layout.block) for i in range(0, n_chains, layout.block)]
    n_new = np.diff([0, *(start + layout.block for start in starts)])
    rows = np.asarray(positions)
    device = positions.device if positions.committed else None
    calls = [
        functools.partial(advance, jax.device_put(rows[i : i + layout.block], device), np.uint32(i))
        for i in starts
    ]
    segments = in_threads(calls, layout.n_threads)

    def joined(*blocks: Any) -> np.ndarray:
        return np.concatenate([x[len(x) - n :] for x, n in zip(blocks, n_new, strict=True)])

    segment = jax.tree.map(joined, *segments)
    return segment._replace(last=jax.device_put(segment.last, device))
