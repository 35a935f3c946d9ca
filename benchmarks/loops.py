"""Our loop compared with the loops of other libraries: `python -m benchmarks.loops --help`.

All use the same kernel, step size, metric and number of steps. They are: our `solver="sequential"`
with its defaults; BlackJAX in `lax.scan`, with all chains under `jax.vmap`, or with one chain per
process; and NumPyro's HMC under `jax.jit`, with `chain_method` "sequential" and "vectorized", and
for up to 4 chains "parallel" with one host device per chain. Times are microseconds per step of
*all* chains, the median of runs that take turns. They exclude compilation, and the earlier runs in
which our loop tries layouts of the chains. The results file also has the layout that `"auto"` chose
and the time per step of each layout.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

import pmcmc
from benchmarks._cases import Case, density_of, start_of
from benchmarks._peers import (
    Run,
    blackjax_processes,
    blackjax_vmap,
    elsewhere,
    numpyro_hmc,
    numpyro_parallel,
)
from benchmarks._record import n_cores, print_table, write

TARGETS = [
    "correlated_gaussian", "two_well", "gaussian_mixture", "banana", "funnel", "eight_schools",
    "eight_schools_gibbs",
    "lotka_volterra", "logistic_regression", "german_credit", "stochastic_volatility",
    "item_response", "local_linear_trend", "hmm", "garch11", "arma11", "sir",
    "oscillator",
]  # fmt: skip
KERNELS: dict[str, Any] = {
    "RandomWalkMetropolis": pmcmc.RandomWalkMetropolis(0.1),
    "MALA": pmcmc.MALA(0.1),
    "HMC": pmcmc.HMC(0.1, 5),
}
N_CHAINS = (1, 4, 32)
MOST_SEQUENTIAL = 4  # chains one after another; NumPyro compiles each of them
SECONDS, LEAST_STEPS, MOST_STEPS, N_RUNS = 0.4, 50, 20_000, 3
MOST_SECONDS = 5.0  # total for the runs of one way, which then has no more turns
SETTLING_SECONDS = 8.0  # most time for runs in which our loop tries another layout


class Pools(NamedTuple):
    """Processes that are idle between their turns.

    Args:
        spread: one process per core.
        devices: one process that sees `MOST_SEQUENTIAL` devices.
    """

    spread: Any
    devices: Any


def ways_of(case: Case, pools: Pools) -> dict[str, Run]:
    """All ways to run a case, by name."""
    n_chains = len(case.start)
    ways: dict[str, Run] = {"BlackJAX": blackjax_vmap(case)}
    if n_chains > 1:
        ways["BlackJAX processes"] = blackjax_processes(pools.spread, case)
    if isinstance(case.kernel, pmcmc.HMC):
        if n_chains <= MOST_SEQUENTIAL:
            ways["NumPyro sequential"] = numpyro_hmc(case, "sequential")
        if n_chains > 1:
            ways["NumPyro vectorized"] = numpyro_hmc(case, "vectorized")
        if 1 < n_chains <= MOST_SEQUENTIAL:
            ways["NumPyro parallel"] = numpyro_parallel(pools.devices, case)
    return ways


def seconds_in_turns(ways: dict[str, Run]) -> dict[str, tuple[float, float]]:
    """Seconds of the first call, and the median of the later ones, by way."""

    def timed(run: Run) -> float:
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    first = {name: timed(run) for name, run in ways.items()}
    turns: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(N_RUNS):
        for name, run in ways.items():
            if sum(turns[name]) < MOST_SECONDS:
                turns[name].append(timed(run))
    return {name: (first[name], statistics.median(turns[name])) for name in ways}


def rows_of(name: str, kernels: list[str], pools: Pools) -> Iterator[dict[str, Any]]:
    """One row per kernel and number of chains."""
    noise = 0.1 * np.random.default_rng(1).normal(size=(max(N_CHAINS), len(start_of(name))))
    for kernel_name in kernels:
        untuned = KERNELS[kernel_name]
        warm = pmcmc.warmup(
            density_of(name), start_of(name) + noise[:4], kernel=untuned, n_steps=400, n_chains=4,
            metric="diagonal", solver="sequential",
        )  # fmt: skip
        start = np.resize(np.asarray(warm.state.position), noise.shape)
        alone = None
        for n_chains in N_CHAINS:
            row = row_of(Case(name, warm.kernel, start[:n_chains], 0), pools)
            alone = alone or row["ours"]
            rounds = max(1.0, n_chains / n_cores())
            yield {
                "target": name,
                "D": noise.shape[1],
                "kernel": kernel_name,
                "chains": n_chains,
                **row,
                "ours / (rounds x one chain)": row["ours"] / (rounds * alone),
            }


def cores_used_by(run: Run) -> float:
    """CPU seconds of this process per second of wall time."""
    before, started = os.times(), time.perf_counter()
    run()
    seconds, after = time.perf_counter() - started, os.times()
    return (after.user + after.system - before.user - before.system) / seconds


def steps_of(seconds: Callable[[int], float]) -> int:
    """A number of steps that takes about `SECONDS`, found by growing runs.

    The cost of a call dominates short runs.
    """
    n = LEAST_STEPS
    seconds(n)  # compiles
    while n < MOST_STEPS:
        took = seconds(n)
        if took > SECONDS / 2:
            break
        n = int(min(MOST_STEPS, n * np.clip(SECONDS / took, 1.5, 8)))
    return n


def settle(run: Callable[[], pmcmc.Result]) -> None:
    """Repeat a run until more than one layout of its chains has been tried."""
    started = time.perf_counter()
    while time.perf_counter() - started < SETTLING_SECONDS:
        if len(run().info.chain_method.seconds_per_step) > 1:
            break


def row_of(case: Case, pools: Pools) -> dict[str, Any]:
    """Microseconds per step of all chains, by way, and the speed-up of our loop."""
    n_chains = len(case.start)
    x0 = case.start if n_chains > 1 else case.start[0]

    def ours(n: int) -> pmcmc.Result:
        return pmcmc.sample(
            density_of(case.name), x0, n, kernel=case.kernel, n_chains=n_chains, solver="sequential"
        )

    case = case._replace(n=steps_of(lambda n: ours(n).info.seconds_run))
    if n_chains > 1:
        settle(lambda: ours(case.n))
    seen: dict[str, Any] = {}

    def keep_no_draws() -> None:  # the other ways drop theirs too
        result = ours(case.n)
        seen.update(info=result.info, acceptance=result.stats["acceptance_rate"].mean())

    ways = {"ours": keep_no_draws} | ways_of(case, pools)
    took = seconds_in_turns(ways)
    n_busy = cores_used_by(ways["ours"])
    peers = {name: seconds for name, (_, seconds) in took.items() if name != "ours"}
    best = min(peers, key=lambda name: peers[name])
    info = seen["info"]
    return {
        "T": case.n,
        **{name: 1e6 * seconds / case.n for name, (_, seconds) in took.items()},
        "first call, s": {name: seconds for name, (seconds, _) in took.items()},
        "acceptance": float(seen["acceptance"]),
        "chain method": str(info.chain_method),
        "gradient mode": info.gradient_mode,
        "cores used": n_busy,
        "best peer": best,
        "best peer / ours": peers[best] / took["ours"][1],
    }


def main() -> None:
    """Parse arguments, run the cases, write and print the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loops", description=__doc__)
    parser.add_argument("--targets", nargs="+", default=TARGETS, choices=TARGETS)
    parser.add_argument("--kernels", nargs="+", default=list(KERNELS), choices=list(KERNELS))
    parser.add_argument("--name", default="loops", help="name of the results file")
    chosen = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    rows: list[dict[str, Any]] = []
    for target in chosen.targets:
        with elsewhere(n_cores()) as spread, elsewhere(1, MOST_SEQUENTIAL) as devices:
            for row in rows_of(target, chosen.kernels, Pools(spread, devices)):
                rows.append(row)
                print({k: row.get(k) for k in SHOWN}, file=sys.stderr, flush=True)
        write(f"{chosen.name}-{jax.default_backend()}", rows=rows)
        jax.clear_caches()
    print_table([{k: row.get(k, "") for k in SHOWN} for row in rows])


SHOWN = [
    "target", "D", "kernel", "chains", "ours", "BlackJAX", "BlackJAX processes",
    "NumPyro sequential", "NumPyro parallel", "NumPyro vectorized", "best peer / ours",
    "ours / (rounds x one chain)", "cores used",
]  # fmt: skip

if __name__ == "__main__":
    main()
