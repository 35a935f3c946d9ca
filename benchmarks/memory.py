"""Memory of long chains: the peak of a process, minus the states that it returns.

Each case runs in a process of its own, which reports its peak at the end. A chain of ten steps
shows how much the libraries and the compiler use for any length.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import pmcmc
from benchmarks._record import print_table, write

LENGTH, TINY, DIM, WINDOW = 1_000_000, 10, 50, 1024
MIB = 2**20
SOLVER = pmcmc.ParallelNewton(window=WINDOW, basis=None)


def run_sample(length: int) -> int:
    """Draw from independent Gaussians by MALA; returns the bytes of the positions."""
    result = pmcmc.sample(
        lambda x: -0.5 * jnp.sum(x**2),
        jnp.zeros(DIM),
        length,
        kernel=pmcmc.MALA(step_size=0.05),
        solver=SOLVER,
    )
    assert np.all(result.info.converged)
    return result.positions.nbytes


def run_solve(length: int) -> int:
    """Evaluate a linear recursion with scalar inputs; returns the bytes of the states."""
    inputs = np.sin(np.arange(length))
    solution = pmcmc.solve(lambda s, u: 0.9 * s + u, jnp.zeros(DIM), inputs, solver=SOLVER)
    assert solution.converged
    return solution.states.nbytes


CASES: dict[str, Callable[[int], int]] = {"sample": run_sample, "solve": run_solve}


def peak_bytes() -> int:
    """The peak memory of this process in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(case: str, length: int) -> dict[str, Any]:
    """Peak memory of a process that runs one case."""
    command = [sys.executable, "-m", "benchmarks.memory", case, str(length)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    peak, states = json.loads(output)
    return {
        "case": case,
        "steps": length,
        "peak MiB": round(peak / MIB),
        "states MiB": round(states / MIB),
        "over states MiB": round((peak - states) / MIB),
    }


def main() -> None:
    """Run the case that the command line names, or all cases."""
    jax.config.update("jax_enable_x64", True)
    if sys.argv[1:]:
        case, length = sys.argv[1:]
        states = CASES[case](int(length))
        print(json.dumps([peak_bytes(), states]))
        return
    rows = [measure(case, length) for case in CASES for length in (TINY, LENGTH)]
    print_table(rows)
    write("memory-cpu", dtype="float64", dimension=DIM, window=WINDOW, rows=rows)


if __name__ == "__main__":
    main()
