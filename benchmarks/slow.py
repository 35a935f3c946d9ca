"""Log densities that are slow and sequential inside: `python -m benchmarks.slow --help`.

The first table runs the same random walk by the loop, by speculation, and by the choice of
`"auto"`, in turns and without compilation. It gives microseconds per step of all chains,
evaluations per step, and whether all decisions agree. The second table does the same for MALA, and
adds quasi-Newton sweeps. The third table gives effective draws per second, including warm-up and
fit, for a first call that compiles and for later calls, each with another seed. It compares
`kernel="surrogate_hmc"` with our HMC and other libraries' NUTS; gradients use forward mode if few
parameters drive a long loop. Effective sample sizes are ArviZ's bulk ESS, the smallest over all
coordinates. They vary between seeds, so the table has the median over all calls: fast samplers have
more of them.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import arviz
import jax
import numpy as np

import pmcmc
from benchmarks._nuts import Draws, Posterior, Sampler, samplers
from benchmarks._record import print_table, write

TARGETS = [
    "sir", "arma11", "garch11", "one_compartment", "local_linear_trend", "lotka_volterra",
    "seir_age_groups", "gaussian_process", "hmm", "eight_schools", "logistic_regression",
    "german_credit", "stochastic_volatility",
]  # fmt: skip
GRADIENT_TARGETS = [
    "lotka_volterra", "logistic_regression", "german_credit", "stochastic_volatility",
]  # fmt: skip
LARGE = {"german_credit", "stochastic_volatility"}  # too large for random walks and polynomials
LONG = {"seir_age_groups", "gaussian_process"}  # gradients take too long for HMC and NUTS
FORWARD = {"sir", "garch11", "local_linear_trend", "one_compartment", "arma11", "lotka_volterra"}
N_WARMUP, N_CHAINS = 1_000, 4
SECONDS_OF_A_CHAIN, MOST_STEPS, N_RUNS = 4.0, 50_000, 3
N_DRAWS = {"surrogate_hmc": 5_000, "hmc": 2_000, "NUTS": 1_000}
GRADIENT_STEPS = 1_000
SECONDS_AGAIN, MOST_AGAIN = 4.0, 5  # later calls of a sampler


def walk(target: pmcmc.targets.Target, n_chains: int) -> tuple[Any, Any]:
    """A tuned random walk, and positions after its warm-up."""
    axes = (target.dim,) if n_chains == 1 else (n_chains, target.dim)
    noise = 0.1 * np.random.default_rng(1).normal(size=axes)
    warm = pmcmc.warmup(
        target.logdensity, target.initial_position + noise, kernel="random_walk",
        n_steps=max(2_000, 1_000 * target.dim), n_chains=n_chains, solver="sequential",
    )  # fmt: skip
    return warm.kernel, warm.state.position


def same_chain(name: str) -> Iterator[dict[str, Any]]:
    """The loop and speculation on the same chains: a row for one chain, and one for several."""
    if name not in LARGE:
        yield from (same_chains(name, n_chains) for n_chains in (1, N_CHAINS))


def same_chains(name: str, n_chains: int) -> dict[str, Any]:
    """One row of `same_chain`."""
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
    loop, ahead, auto = in_turns(lambda solver: run(solver, n), ["sequential", learned, "auto"])
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
        "loop, us/step": 1e6 * loop.info.seconds_run / n,
        "speculation, us/step": 1e6 * ahead.info.seconds_run / n,
        "loop / speculation": loop.info.seconds_run / ahead.info.seconds_run,
        "same decisions": bool(np.array_equal(*decided)),
        "first call, s": first_call,
        "loop / auto": loop.info.seconds_run / auto.info.seconds_run,
        "auto": auto.info.plan.headline,
    }


def in_turns(run: Callable[[Any], pmcmc.Result], solvers: list[Any]) -> list[pmcmc.Result]:
    """The fastest of several runs by each solver."""
    results = [[run(solver) for solver in solvers] for _ in range(N_RUNS)]
    return [min(runs, key=lambda r: r.info.seconds_run) for runs in zip(*results, strict=True)]


def with_gradients(name: str) -> Iterator[dict[str, Any]]:
    """One row for a MALA chain: the loop, speculation, quasi-Newton sweeps, and `"auto"`."""
    if name not in GRADIENT_TARGETS:
        return
    target = getattr(pmcmc.targets, name)()
    warm = pmcmc.warmup(
        target.logdensity, target.initial_position, kernel="mala", solver="sequential"
    )

    def run(solver: Any) -> pmcmc.Result:
        return pmcmc.sample(
            target.logdensity, warm.state.position, GRADIENT_STEPS, kernel=warm.kernel,
            solver=solver, rng_key=1,
        )  # fmt: skip

    for solver in ("sequential", "quasi"):
        run(solver)  # compiles
    learned = run("speculative").info.solver
    loop, ahead, swept, auto = in_turns(run, ["sequential", learned, "quasi", "auto"])
    yield {
        "target": name,
        "D": target.dim,
        "acceptance": float(loop.stats["is_accepted"].mean()),
        "degree": getattr(learned.surrogate, "degree", None),
        "window": learned.window,
        "gradients/step, speculation": float(ahead.info.work_per_step[0]),
        "gradients/step, quasi": float(swept.info.work_per_step[0]),
        "loop, us/step": 1e6 * loop.info.seconds_run / GRADIENT_STEPS,
        "speculation, us/step": 1e6 * ahead.info.seconds_run / GRADIENT_STEPS,
        "quasi, us/step": 1e6 * swept.info.seconds_run / GRADIENT_STEPS,
        "quasi / speculation": swept.info.seconds_run / ahead.info.seconds_run,
        "loop / auto": loop.info.seconds_run / auto.info.seconds_run,
        "residual": float(ahead.info.residual[0]),
        "largest difference": float(np.abs(ahead.positions - loop.positions).max()),
        "auto": auto.info.plan.headline,
    }


def ours(kernel: str, posterior: Posterior) -> Sampler:
    """One of our kernels, with its default warm-up."""

    def sample(seed: int) -> Draws:
        result = pmcmc.sample(
            posterior.logdensity, posterior.starts, N_DRAWS[kernel], kernel=kernel,
            n_chains=N_CHAINS, solver="sequential", rng_key=seed,
        )  # fmt: skip
        return result.positions, float(result.stats["acceptance_rate"].mean())

    return sample


def effective(name: str) -> Iterator[dict[str, Any]]:
    """One row per sampler: effective draws per second, everything included."""
    if name in LARGE:
        return
    target = getattr(pmcmc.targets, name)()
    noise = 0.1 * np.random.default_rng(1).normal(size=(N_CHAINS, target.dim))
    x0 = target.initial_position + noise
    posterior = Posterior(target.logdensity, x0, name in FORWARD, N_WARMUP, N_DRAWS["NUTS"])
    ways = {"surrogate_hmc": ours("surrogate_hmc", posterior)}
    if name not in LONG:
        ways |= {"hmc": ours("hmc", posterior), **samplers(posterior)}
    for sampler, sample in ways.items():
        yield {"target": name, "D": target.dim, "sampler": sampler} | summary(calls_of(sample))


class Call(NamedTuple):
    """Draws `(chain, draw, D)` of one call, its acceptance rate and seconds."""

    draws: np.ndarray
    acceptance: float
    seconds: float


def calls_of(sample: Sampler) -> list[Call]:
    """A first call, and as many later ones as fit into `SECONDS_AGAIN`."""
    calls: list[Call] = []
    while len(calls) < 2 or (
        len(calls) <= MOST_AGAIN and sum(call.seconds for call in calls[1:]) < SECONDS_AGAIN
    ):
        started = time.perf_counter()
        draws, rate = sample(len(calls))
        calls.append(Call(draws, rate, time.perf_counter() - started))
    return calls


def summary(calls: list[Call]) -> dict[str, Any]:
    """The quality of the draws of all calls, and the speed of the first and of later ones."""
    data = [arviz.convert_to_dataset({"x": call.draws}) for call in calls]
    ess = statistics.median(float(arviz.ess(x)["x"].values.min()) for x in data)
    first = calls[0].seconds
    again = statistics.median(call.seconds for call in calls[1:])
    return {
        "draws": int(np.prod(calls[0].draws.shape[:2])),
        "calls": len(calls),
        "acceptance": statistics.median(call.acceptance for call in calls),
        "largest R-hat": max(float(arviz.rhat(x)["x"].values.max()) for x in data),
        "ESS": ess,
        "seconds": first,
        "ESS/s": ess / first,
        "seconds, again": again,
        "ESS/s, again": ess / again,
    }


TABLES: dict[str, Callable[[str], Iterator[dict[str, Any]]]] = {
    "same-chain": same_chain,
    "gradients": with_gradients,
    "effective": effective,
}


def main() -> None:
    """Parse arguments, run the cases, write and print the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow", description=__doc__)
    parser.add_argument("--targets", nargs="+", default=TARGETS, choices=TARGETS)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--name", default="slow", help="name of the results file")
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
