"""How a batch of chains may be laid out on a device: all in one program, or in blocks on threads.

Under `jax.vmap` XLA may stop fusing the loops inside of a log density; elsewhere a batch is what
makes cheap steps cheap.
"""

import math
from typing import NamedTuple

from pmcmc._util.jaxprs import Contents

_SHORT = 2_000  # steps of all chains together, in which no layout loses as much as compiling takes
_MANY = 64  # chains that always make a batch
_HEAVY = 8_000  # operations of a log density, from which on a thread for each chain is worth it
_BATCH = 4  # chains in a block, below which one program of all is faster without loops inside
_WIDE = 16  # chains in a block, from which it is worth it in spite of loops inside
_WAITING = 16  # times as many chains may wait for one another with their results


class Layout(NamedTuple):
    """How chains are laid out.

    Args:
        block: chains in one program, under `jax.vmap`.
        n_threads: programs that run at once.
    """

    block: int
    n_threads: int

    def n_rounds(self, n_chains: int) -> int:
        """How many programs of a step follow one another."""
        return math.ceil(n_chains / (self.block * self.n_threads))

    def n_at_once(self, n_chains: int) -> int:
        """How many chains need memory for a stretch of steps at once.

        Results wait for those of the last chain, which bounds how many may follow one another.
        """
        return max(min(self.block * self.n_threads, n_chains), n_chains // _WAITING)

    def name(self, n_chains: int) -> str:
        """In the words of the argument `chain_method`."""
        if self.block >= n_chains:
            return "vectorized"
        if self.n_threads == 1:
            return "sequential"
        blocks = "" if self.block == 1 else f", blocks of {self.block}"
        return f"parallel, {self.n_threads} threads{blocks}"


def candidates(
    chain_method: str,
    n_chains: int,
    n_steps: float,
    is_cpu: bool,
    n_cores: int,
    inside: Contents,
) -> tuple[Layout, ...]:
    """The layouts to choose from, in the order in which they are tried.

    Args:
        chain_method: the name that a user wrote.
        n_chains: number of chains.
        n_steps: of each, in the whole run.
        is_cpu: whether the device is one.
        n_cores: threads that can run at once.
        inside: what there is in the log density. Loops are slow in small batches; where there is
            none, a batch is the better choice where a run is too short to find out, unless few
            chains have a thread each for many operations.
    """
    whole = Layout(n_chains, 1)
    one = Layout(1, min(n_chains, n_cores))
    if chain_method == "sequential":
        return (Layout(1, 1),)
    if chain_method == "parallel":
        return (one,)
    is_batch = not is_cpu or n_chains >= _MANY
    if chain_method == "vectorized" or n_chains == 1 or is_batch:
        return (whole,)
    block = -(-n_chains // n_cores)
    is_heavy = block < _BATCH and inside.n_operations >= _HEAVY
    is_whole = n_chains <= n_cores or (not inside.has_loop and block < _BATCH)
    few = whole if is_whole else Layout(block, n_cores)
    is_slow = inside.has_loop and block < _WIDE
    options = (one, few) if is_slow or is_heavy else (few, one)
    return options[:1] if n_chains * n_steps < _SHORT else options
