"""A batch of chains, advanced by a kernel and a solver: where the two meet."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._chain.density import FlatLogDensity
from pmcmc._chain.noise import chain_noise
from pmcmc._chain.problem import with_dtype
from pmcmc._chain.recursion import as_recursion
from pmcmc._util.callbacks import callbacks_raise
from pmcmc._util.programs import jit_of_function
from pmcmc.kernels import Kernel
from pmcmc.solvers import Solver, Trajectories


class Segment(NamedTuple):
    """A stretch of finished steps, on the host.

    Args:
        positions: shape `(chain, step, D)`.
        stats: arrays `(chain, step)` by name.
        last: positions at the end, shape `(chain, D)`, on the device.
        report: what the solver says of the stretch, without its states.
    """

    positions: np.ndarray
    stats: dict[str, np.ndarray]
    last: jax.Array
    report: Trajectories


@dataclass(frozen=True)
class Runner:
    """Advances a batch of chains, always through the same compiled program.

    Args:
        logdensity: of a flat position.
        solver: evaluates the chains.
        length: largest number of steps to evaluate at once.
        prepare: from a kernel to the solver with everything found that depends on its metric.
    """

    logdensity: FlatLogDensity | None
    solver: Solver
    length: int
    prepare: Callable[[Kernel], Solver] | None = None

    def adapted_to(self, kernel: Kernel) -> "Runner":
        """The runner with a solver that suits the metric of this kernel."""
        if self.prepare is None:
            return self
        return dataclasses.replace(self, solver=self.prepare(kernel))

    def tolerances(self, dtype: Any) -> tuple[Any, Any]:
        """`(atol, rtol)` of the residuals of all steps."""
        return self.solver.tolerances(dtype)

    def compile(self, kernel: Kernel, positions: jax.Array, rng_key: jax.Array) -> None:
        """Have the program compiled, without taking a step."""
        self.advance(kernel, positions, rng_key, 0, 0)

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
        for done in range(0, n_steps, self.length):
            size = min(self.length, n_steps - done)
            segment = self.advance(kernel, positions, rng_key, first_step + done, size)
            positions = segment.last
            yield segment

    def probe(
        self, kernel: Kernel, positions: jax.Array, rng_key: jax.Array, n_steps: int
    ) -> Segment:
        """Take at most `n_steps` that are not part of the chain, to see what a kernel does."""
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
            CallbackError: a callback of the user's raised an exception.
        """
        elsewhere = ""
        if self.solver.is_parallel_in_time:
            elsewhere = (
                " Sweeps also evaluate points that no chain visits: write solver='sequential'."
            )

        def where() -> str:
            numbers = np.array2string(np.asarray(positions), threshold=12, edgeitems=2)
            return (
                f"in steps {first_step} to {first_step + n_steps - 1}. The last positions that are "
                f"known, before step {first_step}: {' '.join(numbers.split())}.{elsewhere}"
            )

        kernel, steps = with_dtype(kernel, positions.dtype), np.int32(n_steps)
        with callbacks_raise(where):
            last, result = _advance(
                self.logdensity,
                self.solver.segment(first_step, self.length),
                kernel,
                positions,
                chain_noise(kernel, positions, rng_key, np.uint32(first_step), steps, self.length),
                steps,
            )
            states, stats = jax.tree.map(
                lambda rows: np.asarray(rows)[:, :n_steps], (result.states, result.aux)
            )
            report = jax.tree.map(np.asarray, result._replace(states=None, aux=None))
        return Segment(states, stats, last, report)


@jit_of_function()
def _advance(
    logdensity: FlatLogDensity | None,
    solver: Solver,
    kernel: Kernel,
    positions: jax.Array,
    noise: Any,
    n_steps: jax.Array,
) -> tuple[jax.Array, Trajectories]:
    result = solver.run(as_recursion(logdensity, kernel), positions, noise, n_steps)
    last = jnp.where(n_steps > 0, result.states[:, jnp.maximum(n_steps, 1) - 1], positions)
    return last, result
