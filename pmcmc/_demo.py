"""The demonstration: one real posterior, sampled step by step and in parallel in time."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pmcmc import __version__, plots
from pmcmc._result import Result
from pmcmc._sample import sample
from pmcmc.solvers import ParallelNewton
from pmcmc.targets import Target, logistic_regression

_N_CHAINS = 4
_ONE_WINDOW = 512
_GOOD_R_HAT = 1.01  # Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021)


def main(argv: list[str] | None = None) -> None:
    """Run the demonstration; `argv` as on the command line."""
    parser = argparse.ArgumentParser(
        prog="pmcmc",
        description="Sample a real posterior with MALA, step by step and in parallel in time, and "
        "compare the chains.",
    )
    parser.add_argument("--steps", type=_integer_from(1), default=8000, help="steps of each chain")
    parser.add_argument("--seed", type=_integer_from(0), default=0, help="seed of the noise")
    parser.add_argument("--output", type=Path, default=Path("pmcmc-demo.png"), help="the picture")
    parser.add_argument("--version", action="version", version=f"pmcmc {__version__}")
    arguments = parser.parse_args(argv)

    folder = arguments.output.parent
    if not folder.is_dir():
        parser.error(f"argument --output: folder {folder} does not exist")

    # A program may choose its precision; the library never does.
    jax.config.update("jax_enable_x64", True)
    target = logistic_regression()
    print(
        f"pmcmc {__version__} on {jax.devices()[0]}: MALA on {target.name}\n"
        f"({target.dim} coefficients), {_N_CHAINS} chains of {arguments.steps:,} steps, the same "
        "noise twice"
    )
    starts = np.random.default_rng(arguments.seed).normal(size=(_N_CHAINS, target.dim))
    results = {
        solver: sample(
            target.logdensity,
            starts,
            arguments.steps,
            solver=solver,
            n_chains=_N_CHAINS,
            rng_key=arguments.seed,
            progress=True,
        )
        for solver in ("sequential", "quasi")
    }
    loop, quasi = results["sequential"], results["quasi"]
    window = _one_window(target, quasi, arguments.seed)
    for solver, result in results.items():
        print(f"tuned in the warm-up, {solver}: {result.info.kernel}")
    print(_table(results))
    print(_comparison(loop, quasi, target))
    if _draw(loop, quasi, window, arguments.output):
        print(f"picture: {arguments.output}")


def _integer_from(minimum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < minimum:
            raise argparse.ArgumentTypeError(f"must be an integer from {minimum} on, got {text}")
        return int(text)

    return parse


def _one_window(target: Target, result: Result, seed: int) -> Result:
    """What the sweeps see when the first steps after the run are solved in a single window."""
    solver = ParallelNewton(window=_ONE_WINDOW, n_logged_sweeps=_ONE_WINDOW)
    return sample(
        target.logdensity,
        result.final_state.position[0],
        _ONE_WINDOW,
        kernel=result.info.kernel,
        solver=solver,
        rng_key=seed + 1,
        progress=True,
    )


def _table(results: dict[str, Result]) -> str:
    rows: list[tuple[str, list[str]]] = [("", list(results))]

    def add(label: str, values: list[Any], form: str) -> None:
        rows.append((label, [format(value, form) for value in values]))

    infos = [result.info for result in results.values()]
    tables = [result.summary() for result in results.values()]
    add(
        "acceptance rate",
        [result.stats["acceptance_rate"].mean() for result in results.values()],
        ".3f",
    )
    add("smallest bulk ESS", [table["ess_bulk"].astype(float).min() for table in tables], ",.0f")
    add("largest R-hat", [table["r_hat"].astype(float).max() for table in tables], ".3f")
    add("sweeps per chain", [info.sweeps.mean() for info in infos], ",.0f")
    add("work per step", [info.work_per_step.mean() for info in infos], ".1f")
    add("steps taken one at a time", [info.sequential_steps.sum() for info in infos], ",d")
    add("residual", [info.residual.max() for info in infos], ".1e")
    add("seconds, compile", [info.seconds_compile for info in infos], ".1f")
    add("seconds, set-up (basis)", [info.seconds_setup for info in infos], ".1f")
    add("seconds, warm-up", [info.seconds_warmup for info in infos], ".2f")
    add("seconds, run", [info.seconds_run for info in infos], ".2f")
    return "\n".join(
        f"  {label:32}" + "".join(f"{v:>12}" for v in values) for label, values in rows
    )


def _comparison(loop: Result, quasi: Result, target: Target) -> str:
    is_same = np.array_equal(loop.stats["is_accepted"], quasi.stats["is_accepted"])
    difference = np.max(np.abs(loop.positions - quasi.positions))
    summary = quasi.summary()
    mcse = summary["mcse_mean"].astype(float).to_numpy()
    mean = quasi.positions.mean(axis=(0, 1))
    reference = target.reference
    z = np.abs(mean - reference.mean) / np.hypot(mcse, reference.mcse_mean)
    lines = [
        f"largest difference between the two chains: {difference:.1e}, accept/reject decisions "
        + ("identical" if is_same else "DIFFERENT"),
        f"largest of {target.dim} distances of a posterior mean from NUTS: {z.max():.1f} standard "
        "errors",
    ]
    if summary["r_hat"].astype(float).max() > _GOOD_R_HAT:
        lines.append(f"R-hat is above {_GOOD_R_HAT}: for results to rely on, raise --steps.")
    if jax.default_backend() == "cpu":
        lines.append(
            "On a CPU a sweep's extra arithmetic costs more than it saves for this density: here "
            "solver='auto' takes the loop."
        )
    return "\n".join(lines)


def _draw(loop: Result, quasi: Result, window: Result, path: Path) -> bool:
    """Write the picture; false where matplotlib is missing."""
    try:
        import matplotlib as mpl
    except ImportError:
        print("no picture: it needs matplotlib, pip install 'pmcmc[plots]'", file=sys.stderr)
        return False
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(11, 4), dpi=150, layout="constrained")
    axes = figure.subplot_mosaic("AAAABBB;AAAACCC")
    plots.trace(quasi, loop, ax=axes["A"])
    plots.sweeps(window, axes=[axes["B"], axes["C"]])
    axes["A"].set(ylabel="intercept", title="The same chain, found twice")
    axes["B"].set_title(f"{_ONE_WINDOW} steps in one window")
    figure.savefig(path)
    plt.close(figure)
    return True
