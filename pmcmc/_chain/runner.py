"""Advancing a batch of chains: the place where kernel and solver meet."""

import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from pmcmc._chain.alone import in_batch_of
from pmcmc._chain.batches import warn_of_batches
from pmcmc._chain.blocks import Programs, run_blocks
from pmcmc._chain.density import FlatLogDensity, evaluations_at_once
from pmcmc._chain.fitting import Fitting
from pmcmc._chain.layout import Layout
from pmcmc._chain.layouts import Layouts
from pmcmc._chain.mesh import advance_on_mesh, advanced
from pmcmc._chain.noise import chain_noise
from pmcmc._chain.recursion import as_recursion
from pmcmc._chain.segment import Segment
from pmcmc._util.callbacks import callbacks_raise
from pmcmc._util.programs import jit_of_function
from pmcmc.kernels import Kernel
from pmcmc.solvers import Solver, Trajectories

_WINDOWS_OF_SWEEPS = 8  # usually, segments are at least as many windows long


@dataclass
class Runner:
    """Advances a batch of chains; it reuses compiled programs wherever possible.

    Args:
        logdensity: of a flat position.
        solver: evaluates the chains.
        lengths: maps a layout to the largest number of steps to evaluate at once.
        layouts: the layouts of the chains.
        prepare: maps a kernel to the solver, prepared for the kernel's metric.
        fitting: of a surrogate to the evaluations of the steps, if the solver needs one.
        mesh: of devices that the chains are spread over.
        programs: compiled programs for blocks, by kind; all runners of a log density may share
            them.
    """

    logdensity: FlatLogDensity | None
    solver: Solver
    lengths: Callable[[Layout], int]
    layouts: Layouts
    prepare: Callable[[Kernel], Solver] | None = None
    fitting: Fitting | None = None
    mesh: Mesh | None = None
    programs: dict[Hashable, Programs] = field(default_factory=dict, repr=False)

    @property
    def length(self) -> int:
        """Largest number of steps to evaluate at once."""
        return self.lengths(self.layouts.current)

    def adapt_to(self, kernel: Kernel) -> None:
        """Prepare the solver for the kernel's metric and the newest fit."""
        if self.prepare is not None:
            self.solver = self.prepare(kernel)

    def tolerances(self, dtype: Any) -> tuple[Any, Any]:
        """`(atol, rtol)` of the residuals of all steps."""
        return self.solver.tolerances(dtype)

    def compile(self, kernel: Kernel, positions: jax.Array, rng_key: jax.Array) -> None:
        """Compile the program without taking a step, unless it is compiled already."""
        layout = self.layouts.current
        if self.layouts.is_new(layout):
            # To choose a layout, also time calls of the compiled program.
            for _ in range(3 if self.layouts.is_open else 1):
                self._advance(layout, kernel, positions, rng_key, 0, 0)

    def piece(self, n_steps: int) -> int:
        """How many of `n_steps` to take at once."""
        # A shorter trial would not fill the windows of sweeps, and not show what a step takes.
        least = self.length // _WINDOWS_OF_SWEEPS if self.solver.is_parallel_in_time else 1
        return self.layouts.piece(n_steps, self.length, least)

    def run(
        self,
        kernel: Kernel,
        positions: jax.Array,
        rng_key: jax.Array,
        first_step: int,
        n_steps: int,
    ) -> Iterator[Segment]:
        """Take the steps `first_step, ..., first_step + n_steps - 1` from `positions`.

        Positions have shape `(chain, D)`; the noise is a function of key, chain and step.
        """
        done = 0
        while done < n_steps:
            if self.fitting is not None and self.fitting.is_due:
                self.adapt_to(kernel)
            size = self.piece(n_steps - done)
            if self.fitting is not None:
                size = self.fitting.piece(size, len(positions))
            segment = self.advance(kernel, positions, rng_key, first_step + done, size)
            if self.solver.is_parallel_in_time and not done and self.mesh is None:
                warn_of_batches(self.logdensity, kernel, positions, segment)
            positions = segment.last
            yield segment
            done += size

    def probe(
        self, kernel: Kernel, positions: jax.Array, rng_key: jax.Array, n_steps: int
    ) -> Segment:
        """Take at most `n_steps` trial steps, which are not part of the chain."""
        return self.advance(kernel, positions, rng_key, 0, min(n_steps, self.length))

    def advance(
        self,
        kernel: Kernel,
        positions: jax.Array,
        rng_key: jax.Array,
        first_step: int,
        n_steps: int,
    ) -> Segment:
        """Take at most `length` steps at once.

        Raises:
            CallbackError: a callback of the user raised an exception.
        """
        if self.layouts.is_open:
            self.compile(kernel, positions, rng_key)
        layout = self.layouts.current
        return self._advance(layout, kernel, positions, rng_key, first_step, n_steps)

    def _advance(
        self,
        layout: Layout,
        kernel: Kernel,
        positions: jax.Array,
        rng_key: jax.Array,
        first_step: int,
        n_steps: int,
    ) -> Segment:
        """Take steps in this layout, and record how long they take."""
        started = time.perf_counter()
        length = self.lengths(layout)
        solver = self.solver.segment(first_step, length)
        call = (solver, kernel, positions, rng_key, np.uint32(first_step), np.int32(n_steps))
        with callbacks_raise(lambda: self._where(positions, first_step, n_steps)):
            # An external log density runs on another thread even in one batch, for Ctrl-C.
            is_external = evaluations_at_once(self.logdensity) is not None
            if layout.block >= len(positions) and not is_external:
                segment = self._whole(length, *call)
            else:
                segment = self._in_blocks(layout, length, *call)
        seconds = time.perf_counter() - started
        self.layouts.took(layout, n_steps, seconds, length)
        if self.fitting is not None and n_steps:
            self.fitting.add(segment, seconds)
        return segment

    def _whole(self, length: int, *call: Any) -> Segment:
        """Advance all chains by one program."""
        solver, kernel, positions, rng_key, first_step, n_steps = call
        learns = self.fitting is not None
        if self.mesh is not None:
            last, result = advance_on_mesh(
                self.mesh,
                self.logdensity,
                (solver, kernel),
                positions,
                rng_key,
                first_step,
                n_steps,
                length,
                learns,
            )
            return Segment.fetched(last, result, int(n_steps)).here()
        noise = chain_noise(kernel, positions, rng_key, first_step, n_steps, length, np.uint32(0))
        last, result = _advance(self.logdensity, solver, kernel, positions, noise, n_steps, learns)
        return Segment.fetched(last, result, int(n_steps))

    def _in_blocks(self, layout: Layout, length: int, *call: Any) -> Segment:
        """Advance the chains in blocks, all by the same program."""
        solver, kernel, positions, rng_key, first_step, n_steps = call
        parameters = (solver, kernel)
        learns = self.fitting is not None
        leaves, structure = jax.tree.flatten(parameters)
        types = tuple(map(jax.typeof, leaves))
        kind = (layout.block, length, learns, structure, types)
        if kind not in self.programs:
            sharding = positions.sharding if positions.committed else None
            shape = (layout.block, positions.shape[1])
            block = jax.ShapeDtypeStruct(shape, positions.dtype, sharding=sharding)
            self.programs[kind] = Programs.compiled(
                self.logdensity, _advance, length, learns, *parameters, block, *call[3:]
            )
        programs = self.programs[kind]
        # Copy here: JAX's settings, such as default dtypes, may differ in other threads. Unlike
        # `jnp.asarray`, this compiles nothing.
        solver, kernel, first_step, steps = jax.device_put((solver, kernel, first_step, n_steps))

        def advance(block: jax.Array, first_chain: np.uint32) -> Segment:
            noise = programs.noise(kernel, block, rng_key, first_step, steps, length, first_chain)
            last, result = programs.chain(solver, kernel, block, noise, steps, learns)
            return Segment.fetched(last, result, int(n_steps))

        return run_blocks(layout, positions, advance)

    def _where(self, positions: jax.Array, first_step: int, n_steps: int) -> str:
        elsewhere = ""
        if self.solver.is_parallel_in_time:
            elsewhere = (
                " This solver also evaluates points that no chain visits; solver='sequential' does "
                "not."
            )
        numbers = np.array2string(np.asarray(positions), threshold=12, edgeitems=2)
        return (
            f"in steps {first_step} to {first_step + n_steps - 1}. The last known positions, "
            f"before step {first_step}: {' '.join(numbers.split())}.{elsewhere}"
        )


@jit_of_function(6)
def _advance(
    logdensity: FlatLogDensity | None,
    solver: Solver,
    kernel: Kernel,
    positions: jax.Array,
    noise: Any,
    n_steps: jax.Array,
    keeps_proposals: bool,
) -> tuple[jax.Array, Trajectories]:
    if kernel.uses_gradient and not solver.is_parallel_in_time:  # sweeps differentiate gradients
        row = jax.ShapeDtypeStruct(positions.shape[1:], positions.dtype)
        logdensity = in_batch_of(len(positions), logdensity, row)
    recursion = as_recursion(logdensity, kernel, keeps_proposals)
    return advanced(solver, recursion, positions, noise, n_steps)
