"""Every kernel on every target by several solvers: `python -m benchmarks --help`.

For each kernel and target, loops first find a diagonal metric, and a step size with an acceptance
rate of about 0.7. Then the loop, each solver, and BlackJAX's kernel in `lax.scan`, if BlackJAX has
it, evaluate one chain. Times are the fastest of five runs without compilation; all solvers take
turns. On a machine with an accelerator, everything runs there first, and then on the CPU.
"""

import argparse
import dataclasses
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import arviz
import jax
import jax.numpy as jnp
import numpy as np

import pmcmc
from benchmarks._peers import blackjax_chain
from benchmarks._record import print_table, write
from pmcmc import solvers

TARGETS = [
    "correlated_gaussian", "two_well", "gaussian_mixture", "banana", "funnel", "eight_schools",
    "eight_schools_gibbs", "lotka_volterra", "logistic_regression", "german_credit",
    "stochastic_volatility", "item_response",
]  # fmt: skip
KERNELS = {
    "MALA": pmcmc.MALA(0.1),
    "HMC": pmcmc.HMC(0.1, 3),  # longer trajectories at these step sizes are chaotic
    "RandomWalkMetropolis": pmcmc.RandomWalkMetropolis(0.1),
    "Barker": pmcmc.Barker(0.1),
}
SOLVERS: dict[str, Any] = {
    "quasi": "quasi",
    "exact diagonal": pmcmc.ParallelNewton(jacobian=solvers.Diagonal(n_probes=None)),
    "newton": "newton",
    "block": "block",
    "auto": "auto",
}
MOST_DIMENSIONS = {"exact diagonal": 31, "newton": 31, "block": 50, "quasi": 1000, "auto": 1000}
AIM, PILOT_STEPS, N_SEARCH, N_RUNS = 0.7, 500, 12, 5


def pilot(target: pmcmc.targets.Target) -> tuple[np.ndarray, np.ndarray]:
    """A typical position and the variances of a target, from an HMC loop."""
    result = pmcmc.sample(
        target.logdensity,
        target.initial_position,
        2_000,
        kernel="hmc",
        solver="sequential",
        progress=False,
    )
    return result.positions[0, -1], result.positions[0].var(axis=0)


def tuned(kernel: Any, target: pmcmc.targets.Target, start: np.ndarray) -> Any:
    """The kernel with a step size at which a short loop accepts 70%, by bisection."""
    low, high = np.log(1e-4), np.log(1e1)
    for _ in range(N_SEARCH):
        middle = (low + high) / 2
        trial = dataclasses.replace(kernel, step_size=float(f"{np.exp(middle):.2g}"))
        result = pmcmc.sample(
            target.logdensity, start, PILOT_STEPS, kernel=trial, solver="sequential"
        )
        if result.stats["acceptance_rate"].mean() > AIM:
            low = middle
        else:
            high = middle
    return trial


class Timed(NamedTuple):
    """The result of a warm run, and seconds: to compile, and of the fastest run."""

    result: pmcmc.Result
    compile_seconds: float
    run_seconds: float


def side_by_side(
    target: pmcmc.targets.Target, start: Any, kernel: Any, chosen: Sequence[Any], n: int
) -> list[Timed]:
    """Run one chain by each solver, in turns, since the speed of a machine drifts."""
    logdensity = None if isinstance(kernel, pmcmc.CustomKernel) else target.logdensity

    def run(solver: Any) -> pmcmc.Result:
        return pmcmc.sample(logdensity, start, n, kernel=kernel, solver=solver, rng_key=1)

    first = [run(solver) for solver in chosen]
    rounds = [[run(solver) for solver in chosen] for _ in range(N_RUNS)]
    return [
        Timed(runs[-1], cold.info.seconds_compile, min(r.info.seconds_run for r in runs))
        for cold, runs in zip(first, zip(*rounds, strict=True), strict=True)
    ]


def blackjax_seconds(kernel: Any, target: pmcmc.targets.Target, start: Any, n: int) -> float | None:
    """Seconds of BlackJAX's chain in `lax.scan`: the fastest of several runs."""
    found = blackjax_chain(kernel, target.logdensity, n)
    if found is None:
        return None
    chain = jax.jit(found)
    seconds = []
    for _ in range(N_RUNS):
        started = time.perf_counter()
        jax.block_until_ready(chain(jnp.asarray(start), jax.random.key(1)))
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])


def least_ess(result: Any) -> float:
    """Smallest bulk effective sample size over the coordinates."""
    return float(np.min(arviz.ess(arviz.convert_to_dataset({"x": result.positions}))["x"].values))


def rows_of(name: str, kernels: list[str], chosen: list[str], n: int) -> Iterator[dict[str, Any]]:
    """One row per kernel and solver."""
    target = getattr(pmcmc.targets, name)()
    start, variances = pilot(target)
    cases = {
        kernel: tuned(
            dataclasses.replace(KERNELS[kernel], inverse_mass_matrix=variances), target, start
        )
        for kernel in kernels
    }
    if target.gibbs is not None:
        cases["Gibbs"] = pmcmc.CustomKernel(*target.gibbs)
    for kernel_name, kernel in cases.items():
        usable = [
            solver
            for solver in chosen
            if target.dim <= MOST_DIMENSIONS[solver] and (solver != "block" or kernel_name == "HMC")
        ]
        solvers_of_row = ["sequential", *(SOLVERS[solver] for solver in usable)]
        (loop, _, loop_seconds), *others = side_by_side(target, start, kernel, solvers_of_row, n)
        theirs = blackjax_seconds(kernel, target, start, n)
        common = {
            "target": name,
            "D": target.dim,
            "kernel": kernel_name,
            "step size": getattr(kernel, "step_size", None),
            "acceptance": float(loop.stats["acceptance_rate"].mean()),
            "ESS": least_ess(loop),
            "T": n,
            "loop, us/step": 1e6 * loop_seconds / n,
            "BlackJAX, us/step": None if theirs is None else 1e6 * theirs / n,
        }
        for solver, (result, compile_seconds, seconds) in zip(usable, others, strict=True):
            info = result.info
            yield common | {
                "solver": solver,
                "sweeps": int(info.sweeps[0]),
                "work/step": float(info.work_per_step[0]),
                "residual": float(info.residual[0]),
                "largest difference": float(np.abs(result.positions - loop.positions).max()),
                "compile, s": compile_seconds,
                "us/step": 1e6 * seconds / n,
                "loop / solver": loop_seconds / seconds,
                "plan": None if info.plan is None else info.plan.headline,
            }


def main() -> None:
    """Parse arguments, run the cases, write and print the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--targets", nargs="+", default=TARGETS, choices=TARGETS)
    parser.add_argument("--kernels", nargs="+", default=list(KERNELS), choices=list(KERNELS))
    parser.add_argument("--solvers", nargs="+", default=list(SOLVERS), choices=list(SOLVERS))
    parser.add_argument("--n-steps", type=int, default=1_000)
    parser.add_argument("--name", default="samplers", help="name of the results file")
    chosen = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    rows: list[dict[str, Any]] = []
    for target in chosen.targets:
        for row in rows_of(target, chosen.kernels, chosen.solvers, chosen.n_steps):
            rows.append(row)
            print({k: v for k, v in row.items() if k in SHOWN}, file=sys.stderr, flush=True)
        write(f"{chosen.name}-{jax.default_backend()}", rows=rows)
        jax.clear_caches()  # hundreds of programs would exhaust the memory maps of the process
    print_table([{k: row[k] for k in SHOWN} for row in rows])
    if jax.default_backend() != "cpu":
        command = [sys.executable, "-m", "benchmarks", *sys.argv[1:]]
        subprocess.run(command, env=os.environ | {"JAX_PLATFORMS": "cpu"}, check=True)


SHOWN = [
    "target", "D", "kernel", "step size", "acceptance", "ESS", "solver", "sweeps", "work/step",
    "residual", "us/step", "loop, us/step", "BlackJAX, us/step", "loop / solver",
]  # fmt: skip

if __name__ == "__main__":
    if sys.argv[1:2] and not sys.argv[1].startswith("-"):  # the name of another benchmark
        runpy.run_module(f"benchmarks.{sys.argv.pop(1)}", run_name="__main__")
    else:
        main()
