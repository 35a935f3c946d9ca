"""How long a gradient takes in reverse and in forward mode."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from pmcmc._chain.alone import in_batch_of
from pmcmc._chain.density import FlatLogDensity
from pmcmc._chain.problem import Problem, init_states
from pmcmc._util.programs import jit_of_function
from pmcmc.kernels import Kernel

MODES = ("reverse", "forward")
_TURNS = 5
_LOOP_SECONDS, _MOST_REPEATS = 0.01, 100  # length of a timed loop


def _free(logdensity: FlatLogDensity) -> FlatLogDensity:
    """A log density of the same positions that costs nothing beyond the call of a program."""

    def total(position: Any) -> jax.Array:
        return jnp.sum(ravel_pytree(position)[0])

    # A new function each time: its compiled code is freed with it.
    return FlatLogDensity(total, logdensity.unravel)


def rough_seconds(problem: Problem, kernel: Kernel, clock: Callable[[], float]) -> float:
    """Seconds for a reverse-mode gradient of all chains, by the program that checks the start."""
    assert problem.logdensity is not None

    def fastest(logdensity: FlatLogDensity) -> float:
        def call() -> None:
            jax.block_until_ready(init_states(logdensity, kernel, problem.positions))

        call()
        return min(_timed(call, clock) for _ in range(_TURNS))

    return fastest(problem.logdensity) - fastest(_free(problem.logdensity))


def seconds_of_both(
    problem: Problem, clock: Callable[[], float], is_worth: Callable[[float], bool]
) -> dict[str, float]:
    """Seconds for a gradient of all chains by mode: the fastest of several loops, in turns.

    Args:
        problem: with the chains of one program.
        clock: seconds.
        is_worth: takes the seconds of a reverse gradient, and says whether forward mode is worth
            compiling; if not, the result is empty.
    """
    positions = problem.positions

    def run(mode: str, n: int) -> Callable[[], None]:
        assert problem.logdensity is not None
        density = dataclasses.replace(problem.logdensity, gradient_mode=mode)
        return lambda: jax.block_until_ready(_repeated(density, positions, np.int32(n)))

    once: list[float] = []
    for mode in MODES:
        if once and not is_worth(once[0]):
            return {}
        run(mode, 0)()  # compiles
        once.append(_timed(run(mode, 1), clock))
    n = max(1, min(_MOST_REPEATS, int(_LOOP_SECONDS / max(once))))
    turns = [{mode: _timed(run(mode, n), clock) / n for mode in MODES} for _ in range(_TURNS)]
    return {mode: min(turn[mode] for turn in turns) for mode in MODES}


def _timed(call: Callable[[], None], clock: Callable[[], float]) -> float:
    started = clock()
    call()
    return clock() - started


@jit_of_function()
def _repeated(logdensity: FlatLogDensity, positions: jax.Array, n: jax.Array) -> jax.Array:
    """Compute the gradients at the same positions several times, one after another."""
    row = jax.ShapeDtypeStruct(positions.shape[1:], positions.dtype)
    density = in_batch_of(len(positions), logdensity, row)

    def again(_: jax.Array, positions: jax.Array) -> jax.Array:
        values, gradients = jax.vmap(density.value_and_grad)(positions)
        # Adds zero, but compilers cannot tell, and so do not drop the loop.
        return positions + 0 * (gradients + values[:, None])

    return jax.lax.fori_loop(0, n, again, positions)
