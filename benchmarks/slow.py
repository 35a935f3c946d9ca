"""Log densities that are slow and sequential inside: `python -m benchmarks.slow --help`.

First the same chain by the loop and by speculation, both warm, in turns: microseconds a step of all
chains, evaluations a step, and whether all decisions agree. Then effective draws a second, with
warm-up, fit and compilation: `kernel="surrogate_hmc"` beside our HMC and NumPyro's NUTS with a
dense metric, in forward mode where few parameters drive a long loop. Effective sizes are ArviZ's
bulk ones, the smallest of all coordinates.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import arviz
import jax
import jax.numpy as jnp
import numpy as np
from numpyro.infer import MCMC, NUTS

import pmcmc
from benchmarks._record import print_table, write

TARGETS = [
    "sir", "arma11", "garch11", "one_compartment", "local_linear_trend", "lotka_volterra",
    "seir_age_groups", "gaussian_process", "hmm", "eight_schools", "logistic_regression",
]  # fmt: skip
FORWARD = {"sir", "garch11", "local_linear_trend", "one_compartment", "arma11", "lotka_volterra"}
N_WARMUP, N_CHAINS = 1_000, 4
SECONDS_OF_A_CHAIN, MOST_STEPS, N_RUNS = 4.0, 50_000, 3
N_DRAWS = {"surrogate_hmc": 5_000, "hmc": 2_000, "NumPyro NUTS": 1_000}


def walk(target: pmcmc.targets.Target, n_chains: int) -> tuple[Any, Any]:
    """A tuned random walk, and positions of the target's mass."""
    axes = (target.dim,) if n_chains == 1 else (n_chains, target.dim)
    noise = 0.1 * np.random.default_rng(1).normal(size=axes)
    warm = pmcmc.warmup(
        target.logdensity, target.initial_position + noise, kernel="random_walk",
        n_steps=max(2_000, 1_000 * target.dim), n_chains=n_chains, solver="sequential",
    )  # fmt: skip
    return warm.kernel, warm.state.position


def same_chain(name: str) -> Iterator[dict[str, Any]]:
    """A row for one chain, and one for several: the loop and speculation on the same chains."""
    return (same_chains(name, n_chains) for n_chains in (1, N_CHAINS))


def same_chains(name: str, n_chains: int) -> dict[str, Any]:
    """One row."""
    target = getattr(pmcmc.targets, name)()
    kernel, x0 = walk(target, n_chains)

    def run(solver: Any, n: int) -> pmcmc.Result:
        return pmcmc.sample(
            target.logdensity, x0, n, kernel=kernel, n_chains=n_chains, solver=solver, rng_key=1
        )

    run("sequential", 200)
    seconds = run("sequential", 500).info.seconds_run / 500
    n = int(min(MOST_STEPS, max(2_000, SECONDS_OF_A_CHAIN / seconds)))
    started = time.perf_counter()
    learned = run("speculative", n).info.solver  # fits, and chooses a window
    first_call = time.perf_counter() - started
    runs: dict[Any, list[pmcmc.Result]] = {"sequential": [], learned: []}
    for _ in range(N_RUNS):
        for solver, results in runs.items():
            results.append(run(solver, n))
    loop, ahead = (results[-1] for results in runs.values())
    took = [min(r.info.seconds_run for r in results) for results in runs.values()]
    decided = (r.stats["is_accepted"] for r in (loop, ahead))
    return {
        "target": name,
        "D": target.dim,
        "chains": n_chains,
        "T": n,
        "acceptance": float(loop.stats["is_accepted"].mean()),
        "degree": getattr(learned.surrogate, "degree", None),
        "window": learned.window,
        "evaluations/step": float(ahead.info.logdensity_evaluations.mean()) / n,
        "loop, us/step": 1e6 * took[0] / n,
        "speculation, us/step": 1e6 * took[1] / n,
        "loop / speculation": took[0] / took[1],
        "same decisions": bool(np.array_equal(*decided)),
        "first call, s": first_call,
    }


def ours(kernel: str, target: pmcmc.targets.Target, x0: np.ndarray) -> tuple[np.ndarray, float]:
    """Draws and acceptance rate of one of our kernels, warm-up included."""
    result = pmcmc.sample(
        target.logdensity, x0, N_DRAWS[kernel], kernel=kernel, n_chains=N_CHAINS,
        n_warmup=N_WARMUP, solver="sequential",
    )  # fmt: skip
    return result.positions, float(result.stats["acceptance_rate"].mean())


def nuts(name: str, target: pmcmc.targets.Target, x0: np.ndarray) -> tuple[np.ndarray, float]:
    """Draws and acceptance rate of NumPyro's NUTS."""
    kernel = NUTS(
        potential_fn=lambda x: -target.logdensity(x),
        dense_mass=True,
        forward_mode_differentiation=name in FORWARD,
    )
    mcmc = MCMC(
        kernel,
        num_warmup=N_WARMUP,
        num_samples=N_DRAWS["NumPyro NUTS"],
        num_chains=N_CHAINS,
        chain_method="sequential",
        progress_bar=False,
    )
    mcmc.run(jax.random.key(0), init_params=jnp.asarray(x0), extra_fields=("accept_prob",))
    draws = np.asarray(mcmc.get_samples(group_by_chain=True))
    return draws, float(mcmc.get_extra_fields()["accept_prob"].mean())


def effective(name: str) -> Iterator[dict[str, Any]]:
    """One row a sampler: effective draws a second, everything included."""
    target = getattr(pmcmc.targets, name)()
    noise = 0.1 * np.random.default_rng(1).normal(size=(N_CHAINS, target.dim))
    x0 = target.initial_position + noise
    samplers: dict[str, Callable[[], tuple[np.ndarray, float]]] = {
        "surrogate_hmc": lambda: ours("surrogate_hmc", target, x0),
        "hmc": lambda: ours("hmc", target, x0),
        "NumPyro NUTS": lambda: nuts(name, target, x0),
    }
    for sampler, draw in samplers.items():
        started = time.perf_counter()
        draws, rate = draw()
        seconds = time.perf_counter() - started
        data = arviz.convert_to_dataset({"x": draws})
        ess = float(arviz.ess(data)["x"].values.min())
        yield {
            "target": name,
            "D": target.dim,
            "sampler": sampler,
            "draws": draws.shape[0] * draws.shape[1],
            "acceptance": rate,
            "R-hat": float(arviz.rhat(data)["x"].values.max()),
            "ESS": ess,
            "seconds": seconds,
            "ESS/s": ess / seconds,
        }


TABLES: dict[str, Callable[[str], Iterator[dict[str, Any]]]] = {
    "same-chain": same_chain,
    "effective": effective,
}


def main() -> None:
    """Parse arguments, run the cases, write and print the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow", description=__doc__)
    parser.add_argument("--targets", nargs="+", default=TARGETS, choices=TARGETS)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--name", default="slow", help="of the file of results")
    chosen = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    tables: dict[str, list[dict[str, Any]]] = {table: [] for table in chosen.tables}
    for name in chosen.targets:
        for table, rows in tables.items():
            for row in TABLES[table](name):
                rows.append(row)
                print(row, file=sys.stderr, flush=True)
        write(f"{chosen.name}-{jax.default_backend()}", **tables)
        jax.clear_caches()
    for rows in tables.values():
        print_table(rows)
        print()


if __name__ == "__main__":
    main()
