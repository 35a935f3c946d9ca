"""A batch of chains, advanced by a kernel and a solver: where the two meet."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from pmcmc._callbacks import callbacks_raise
from pmcmc._checks import first_line
from pmcmc._keys import check_no_keys, internal_key, map_with_keys
from pmcmc._problem import FlatLogDensity, Problem, with_dtype
from pmcmc._programs import jit_of_function, jit_of_kinds
from pmcmc.kernels import Kernel
from pmcmc.solvers import Recursion, Solver, Stages, Trajectories

_NOISE_BLOCK = 64


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
                _noise(kernel, positions, rng_key, np.uint32(first_step), steps, self.length),
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


def as_recursion(logdensity: FlatLogDensity | None, kernel: Kernel) -> Recursion:
    """The chain of a kernel as a recursion of positions."""

    def described(state: Any, info: Any) -> tuple[Any, dict[str, jax.Array]]:
        density = {} if state.logdensity is None else {"logdensity": state.logdensity}
        return state, {**info._asdict(), **density}

    def carry(position: jax.Array) -> Any:
        return kernel.init(logdensity, position)

    def advance(state: Any, noise: Any) -> tuple[Any, dict[str, jax.Array]]:
        return described(*kernel.transition(logdensity, state, noise))

    inner = kernel.inner_steps(logdensity)
    stages = None
    if inner is not None:
        stages = Stages(*inner[:3], lambda *end: described(*inner.finish(*end)))
    return Recursion(carry, advance, lambda state: state.position, stages, is_chain=True)


def check_linearizable(problem: Problem, kernel: Kernel) -> None:
    """Check that a step can be differentiated, as sweeps do.

    Raises:
        ValueError: it cannot.
    """
    position = problem.positions[0]
    kernel = with_dtype(kernel, position.dtype)
    recursion = as_recursion(problem.logdensity, kernel)

    def derivative(position: jax.Array, rng_key: jax.Array) -> Any:
        noise = kernel.draw_noise(rng_key, position)
        return jax.jvp(lambda x: recursion.step(x, noise)[0], (position,), (position,))

    try:
        # Batched, as sweeps do: only then does JAX miss what some rules of its users' lack.
        jax.eval_shape(jax.vmap(derivative, (0, None)), position[None], internal_key(0))
    except Exception as error:
        raise ValueError(
            "parallel sweeps differentiate a step, and with it the gradient of the log density, in "
            f"forward mode, which JAX cannot do here ({first_line(error)}): write "
            "solver='sequential'."
        ) from error


def draw_noise(
    kernel: Kernel,
    positions: jax.Array,
    rng_key: jax.Array,
    first_step: jax.Array,
    n_steps: int | jax.Array,
    length: int,
) -> Any:
    """Noise of the steps from `first_step` on, leading axes `(chain, length)`.

    The noise of step `t` of chain `c` is drawn with `fold_in(fold_in(rng_key, c), t)`. Rows are
    drawn in blocks, only as far as `n_steps`.

    Raises:
        ValueError: the noise is made of keys that cannot be used in batches.
    """
    n_chains = positions.shape[0]
    block = min(_NOISE_BLOCK, length)
    chains = jnp.arange(n_chains, dtype=jnp.uint32)

    def draw(chain_key: jax.Array, step: jax.Array) -> Any:
        return kernel.draw_noise(jax.random.fold_in(chain_key, step), positions[0])

    def draw_block(steps: jax.Array) -> Any:
        def of_chain(chain: jax.Array) -> Any:
            chain_key = jax.random.fold_in(rng_key, chain)
            return map_with_keys(rng_key, lambda step: draw(chain_key, step), steps)

        return map_with_keys(rng_key, of_chain, chains)

    def body(i: jax.Array, store: Any) -> Any:
        start = jnp.minimum(i * block, length - block).astype(jnp.int32)
        steps = first_step + (start + jnp.arange(block, dtype=jnp.int32)).astype(jnp.uint32)
        return jax.tree.map(
            lambda out, new: lax.dynamic_update_slice_in_dim(out, new, start, 1),
            store,
            draw_block(steps),
        )

    row = jax.eval_shape(draw, rng_key, first_step)
    check_no_keys(row)
    store = jax.tree.map(lambda x: jnp.zeros((n_chains, length, *x.shape), x.dtype), row)
    return lax.fori_loop(0, -(-n_steps // block), body, store)


# Apart from the chain: drawing takes longer to compile than many a chain does, and the program
# serves all log densities and solvers.
_noise = jit_of_kinds(5)(draw_noise)
