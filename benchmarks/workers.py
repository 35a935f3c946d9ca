"""One chain of a slow Python function with many workers, compared with theory.

The function either sleeps, so any number of workers fits on this machine, or keeps a core busy.
With `W` workers, the proposals of `W` steps are predicted and evaluated at once. If a share `q` of
the decisions is predicted wrong, `(1 - (1 - q)**W) / q` of these steps are final.
"""

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

import pmcmc
from benchmarks._record import print_table, write
from pmcmc.solvers.speculative.solver import share_predicted_wrong

SECONDS, N_STEPS, N_WARMUP = 0.02, 400, 400
SCALES = np.array([1.0, 4.0, 0.25])
SLEEPING = (1, 2, 8, 32, 128)
KERNELS = ("random_walk", "surrogate_hmc")


def value(x: np.ndarray) -> float:
    """A curved log density with heavy tails, which no polynomial equals."""
    y = x / SCALES
    tails = -2.5 * np.log1p(y[0] ** 2 / 4) - np.log(np.cosh(y[2]))
    return float(tails - 0.5 * (y[1] - 0.3 * y[0] ** 2) ** 2)


def asleep(x: np.ndarray) -> float:
    """The log density, after a pause."""
    time.sleep(SECONDS)
    return value(x)


def busy(x: np.ndarray) -> float:
    """The log density, after keeping a core busy."""
    end = time.process_time() + SECONDS
    while time.process_time() < end:
        pass
    return value(x)


def seconds_per_step(
    function: Callable[[Any], float], kernel: Any, executor: Executor | None, n_workers: int
) -> dict[str, Any]:
    """The time per step of one chain, without the start of workers and compilation."""
    solver = "sequential" if n_workers == 1 else "speculative"

    def run(key: int) -> tuple[pmcmc.Result, float]:
        logdensity = pmcmc.external(function, executor=executor, n_workers=n_workers)
        logdensity(np.zeros(3))  # starts the workers
        start = np.full(3, 0.1)
        result = pmcmc.sample(
            logdensity, start, N_STEPS, kernel=kernel, solver=solver, rng_key=key, progress=False
        )
        return result, result.info.seconds_run

    run(1)  # compiles
    result, seconds = run(2)
    sweeps = int(result.info.sweeps[0])
    return {"sweeps": sweeps, "ms/step": 1e3 * seconds / N_STEPS}


def tuned(kernel: str) -> Any:
    """The kernel, tuned on a function that does not wait."""
    function = pmcmc.external(value, executor=ThreadPoolExecutor(1))
    return pmcmc.warmup(function, np.zeros(3), kernel=kernel, n_steps=2_000).kernel


def main() -> None:
    """Run all kernels, functions and numbers of workers."""
    argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__).parse_args()
    jax.config.update("jax_enable_x64", True)
    rows = []
    for name in KERNELS:
        kernel = tuned(name)
        cases = [("asleep", asleep, n, ThreadPoolExecutor(n)) for n in SLEEPING]
        cases += [("busy, processes", busy, n, None) for n in (1, 2)]
        alone: dict[str, float] = {}
        for label, function, n, executor in cases:
            found = seconds_per_step(function, kernel, executor, n)
            alone.setdefault(label, found["ms/step"])
            row = {"kernel": name, "function": label, "workers": n} | found
            row["speed-up"] = alone[label] / found["ms/step"]
            steps = N_STEPS / found["sweeps"] if found["sweeps"] else 1.0
            row["steps/sweep"] = steps
            row["predicted wrong"] = share_predicted_wrong(n, steps) if n > 1 else 0.0
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
            if executor is not None:
                executor.shutdown()
    write("workers-cpu", seconds=SECONDS, rows=rows)
    print_table(rows)


if __name__ == "__main__":
    main()
