"""The possible layouts of chains on a device: all in one program, or in blocks on threads.

Under `jax.vmap`, XLA may stop fusing the loops inside a log density. Without such loops, a batch
makes cheap steps cheaper.
"""

import math
from typing import NamedTuple

from pmcmc._util.jaxprs import Contents

_SHORT = 2_000  # steps of all chains; in shorter runs, compiling costs more than any layout loses
_MANY = 64  # chains; from here on, always one batch
_HEAVY = 8_000  # operations of a log density; from here on, a thread per chain pays off
_BATCH = 4  # chains in a block; below, one program for all is faster if there are no loops inside
_WIDE = 16  # chains in a block; from here on, a batch pays off even with loops inside
_WAITING = 16  # up to this many times as many chains may hold results that wait for the last chain


class Layout(NamedTuple):
    """A layout of chains on a device.

    Args:
        block: number of chains in one program, under `jax.vmap`.
        n_threads: number of programs that run at once.
    """

    block: int
    n_threads: int

    def n_rounds(self, n_chains: int) -> int:
        """How many blocks run one after another on a thread."""
        return math.ceil(n_chains / (self.block * self.n_threads))

    def n_at_once(self, n_chains: int) -> int:
        """How many chains share the memory for one segment of steps.

        Results of finished chains wait in memory for the last chain, which limits the number of
        rounds.
        """
        return max(min(self.block * self.n_threads, n_chains), n_chains // _WAITING)

    def name(self, n_chains: int) -> str:
        """The layout in the words of the argument `chain_method`."""
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
    uses_gradient: bool,
) -> tuple[Layout, ...]:
    """The layouts to choose from, in the order in which to try them.

    Args:
        chain_method: the name that the user wrote.
        n_chains: number of chains.
        n_steps: number of steps of each chain in the whole run.
        is_cpu: whether the device is a CPU.
        n_cores: number of threads that can run at once.
        inside: contents of the log density. Loops are slow in small batches, so with loops, one
            chain per program comes first. Without loops, a batch comes first, unless there are
            few chains with many operations each.
        uses_gradient: whether steps differentiate it. Loops that do are slow in wide batches too.
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
    is_slow = inside.has_loop and (uses_gradient or block < _WIDE)
    options = (one, few) if is_slow or is_heavy else (few, one)
    return options[:1] if n_chains * n_steps < _SHORT else options
