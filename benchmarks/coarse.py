"""The user's own coarse density as surrogate: `python -m benchmarks.coarse`.

The target is hares and lynxes, whose differential equation takes 10 or 100 Runge-Kutta steps per
year; the stand-in takes 2. First, the loop and speculation run the same random walk, with the
coarse density and with fitted polynomials as surrogate. The table gives evaluations of the exact
density per step, the share of correct predictions, and the speed-up over the loop without
compilation. Then `SurrogateHMC` moves along the coarse density and along fitted polynomials. The
table gives acceptance, effective draws per draw, and effective draws per second with everything
included.
"""

import argparse
import time
from typing import Any

import arviz
import jax
import numpy as np

import pmcmc
from benchmarks._record import print_table, write
from benchmarks.slow import walk
from pmcmc.solvers.speculative.solver import share_predicted_wrong

COARSE_STEPS, EXACT_STEPS = 2, (10, 100)  # per year
N_STEPS, N_DRAWS, N_CHAINS, N_WARMUP, N_RUNS = 20_000, 3_000, 4, 1_000, 3
WINDOW = 32


def speculation(exact_steps: int, coarse: Any) -> list[dict[str, Any]]:
    """One row per surrogate: speculation on the same chain as the loop."""
    target = pmcmc.targets.lotka_volterra(steps_per_year=exact_steps)
    kernel, x0 = walk(target, 1)

    def run(solver: Any) -> pmcmc.Result:
        return pmcmc.sample(target.logdensity, x0, N_STEPS, kernel=kernel, solver=solver, rng_key=1)

    learned = run("speculative").info.solver
    solvers = {
        "coarse": pmcmc.Speculative(surrogate=coarse, window=WINDOW),
        "polynomial": pmcmc.Speculative(surrogate=learned.surrogate, window=WINDOW),
    }
    loop = min((run("sequential") for _ in range(1 + N_RUNS)), key=lambda r: r.info.seconds_run)
    rows = []
    for name, solver in solvers.items():
        best = min((run(solver) for _ in range(1 + N_RUNS)), key=lambda r: r.info.seconds_run)
        wrong = share_predicted_wrong(WINDOW, N_STEPS / int(best.info.sweeps[0]))
        decisions = (r.stats["is_accepted"] for r in (loop, best))
        rows.append({
            "steps a year": exact_steps,
            "surrogate": name,
            "evaluations/step": float(best.info.logdensity_evaluations[0]) / N_STEPS,
            "predicted right": 1 - wrong,
            "loop / speculation": loop.info.seconds_run / best.info.seconds_run,
            "same decisions": bool(np.array_equal(*decisions)),
        })  # fmt: skip
    return rows


def trajectories(exact_steps: int, coarse: Any) -> list[dict[str, Any]]:
    """One row per surrogate: `SurrogateHMC` with trajectories along it."""
    target = pmcmc.targets.lotka_volterra(steps_per_year=exact_steps)
    noise = 0.1 * np.random.default_rng(1).normal(size=(N_CHAINS, target.dim))
    kernels = {
        "coarse": pmcmc.SurrogateHMC(coarse, step_size=0.1, num_integration_steps=5),
        "polynomial": "surrogate_hmc",
    }
    rows = []
    for name, kernel in kernels.items():
        started = time.perf_counter()
        run = pmcmc.sample(
            target.logdensity, target.initial_position + noise, N_DRAWS, kernel=kernel,
            n_chains=N_CHAINS, n_warmup=N_WARMUP, solver="sequential",
        )  # fmt: skip
        seconds = time.perf_counter() - started
        data = arviz.convert_to_dataset({"x": run.positions})
        ess = float(arviz.ess(data)["x"].values.min())
        rows.append({
            "steps a year": exact_steps,
            "surrogate": name,
            "accepted": float(run.stats["is_accepted"].mean()),
            "R-hat": float(arviz.rhat(data)["x"].values.max()),
            "ESS/draw": ess / (N_CHAINS * N_DRAWS),
            "ESS/s": ess / seconds,
        })  # fmt: skip
    return rows


def main() -> None:
    """Run all cases, write and print the results."""
    argparse.ArgumentParser(prog="python -m benchmarks.coarse", description=__doc__).parse_args()
    jax.config.update("jax_enable_x64", True)
    coarse = pmcmc.targets.lotka_volterra(steps_per_year=COARSE_STEPS).logdensity
    tables = {
        table.__name__: [row for steps in EXACT_STEPS for row in table(steps, coarse)]
        for table in (speculation, trajectories)
    }
    write(f"coarse-{jax.default_backend()}", **tables)
    for rows in tables.values():
        print_table(rows)
        print()


if __name__ == "__main__":
    main()
