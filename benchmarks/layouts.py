"""The cost of measuring layouts: `python -m benchmarks layouts --help`.

It times the first call of `sample` by the loop, with a new log density and including compilation.
`chain_method="auto"`, which measures layouts, takes turns with each fixed layout. Runs are so long
that the best fixed layout takes seconds. `"auto"` can also choose blocks of chains, which users
cannot select by name.
"""

import argparse
import functools
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import pmcmc
from benchmarks._cases import density_of, start_of
from benchmarks._record import print_table, write

TARGETS = [
    "eight_schools", "german_credit", "lotka_volterra", "local_linear_trend", "arma11", "hmm",
]  # fmt: skip
METHODS = ("auto", "parallel", "vectorized")
N_CHAINS = (4, 32)
SECONDS, PILOT_SECONDS, N_RUNS = 3.0, 0.3, 2
KERNEL = pmcmc.MALA(0.02)


def fresh(name: str) -> Callable[[jax.Array], jax.Array]:
    """The log density of a target as a new function, about which nothing is known."""
    known = density_of(name)

    def logdensity(x: jax.Array) -> jax.Array:
        return known(x)

    return logdensity


def row_of(name: str, n_chains: int) -> dict[str, Any]:
    """Seconds of first calls by layout, and `"auto"` compared with the best fixed one."""
    noise = 0.01 * np.random.default_rng(1).normal(size=(n_chains, len(start_of(name))))
    start = start_of(name) + noise

    def run(logdensity: Any, method: str, n: int) -> pmcmc.Result:
        return pmcmc.sample(
            logdensity, start, n, kernel=KERNEL, n_chains=n_chains, chain_method=method,
            solver="sequential",
        )  # fmt: skip

    pilot = fresh(name)
    n = max(n_for(functools.partial(run, pilot, method)) for method in METHODS[1:])
    seconds: dict[str, list[float]] = {method: [] for method in METHODS}
    for _ in range(N_RUNS):
        for method in METHODS:
            started = time.perf_counter()
            result = run(fresh(name), method, n)
            seconds[method].append(time.perf_counter() - started)
            if method == "auto":
                chosen = str(result.info.chain_method)
    fastest = {method: min(taken) for method, taken in seconds.items()}
    return {
        "target": name,
        "chains": n_chains,
        "T": n,
        **{f"{method}, s": taken for method, taken in fastest.items()},
        "auto / best fixed": fastest["auto"] / min(fastest[m] for m in METHODS[1:]),
        "chosen": chosen,
    }


def n_for(run: Callable[[int], pmcmc.Result]) -> int:
    """A number of steps that takes about `SECONDS`."""
    n = 64
    run(n)  # compiles
    while (seconds := run(n).info.seconds_run) < PILOT_SECONDS:
        n = 4 * n
    return int(n * SECONDS / seconds)


def main() -> None:
    """Parse arguments, run the cases, write and print the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks layouts", description=__doc__)
    parser.add_argument("--targets", nargs="+", default=TARGETS, choices=TARGETS)
    parser.add_argument("--name", default="layouts", help="name of the results file")
    chosen = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    rows: list[dict[str, Any]] = []
    for target in chosen.targets:
        for n_chains in N_CHAINS:
            rows.append(row_of(target, n_chains))
            print(rows[-1], file=sys.stderr, flush=True)
        write(f"{chosen.name}-{jax.default_backend()}", rows=rows)
        jax.clear_caches()
    print_table(rows)


if __name__ == "__main__":
    main()
