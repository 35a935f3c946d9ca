"""The pictures of the documentation: `python -m benchmarks.pictures`."""

from pathlib import Path

import jax
import matplotlib
import numpy as np

matplotlib.use("Agg")

from matplotlib import pyplot as plt

import pmcmc
from pmcmc import plots

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
N_STEPS = 256


def speculation() -> None:
    """The steps of a random walk that each sweep of speculation evaluated, and those it kept."""
    target = pmcmc.targets.sir()
    warm = pmcmc.warmup(target.logdensity, target.initial_position, kernel="random_walk")
    window, n_steps = 64, 600
    start = warm.state.position
    walk = pmcmc.sample(target.logdensity, start, 3_000, kernel=warm.kernel, solver="sequential")
    seen = walk.positions[0], walk.stats["logdensity"][0]
    fitted = pmcmc.surrogates.fit_polynomial(*seen, max_degree=2).surrogate
    solver = pmcmc.Speculative(surrogate=fitted, window=window, n_logged_sweeps=n_steps)
    run = pmcmc.sample(target.logdensity, start, n_steps, kernel=warm.kernel, solver=solver)
    finished = np.asarray(run.info.sweep_log[0].finished[0])
    ends = finished[finished >= 0]
    starts = np.concatenate([[0], ends[:-1]])
    sweep = np.arange(1, len(ends) + 1)
    blue, orange, grey = "#0072B2", "#D55E00", "#777777"
    plt.rcParams.update({"text.color": grey, "axes.labelcolor": grey, "axes.edgecolor": grey})
    plt.rcParams.update({"xtick.color": grey, "ytick.color": grey})
    figure, ax = plt.subplots(figsize=(8, 3.4), layout="constrained")
    evaluated = np.minimum(starts + window, n_steps)
    ax.barh(sweep, evaluated - starts, left=starts, color=orange, alpha=0.35, label="done again")
    ax.barh(sweep, ends - starts, left=starts, color=blue, label="evaluated, and verified")
    ax.set(xlabel="step of the chain", ylabel="sweep", xlim=(0, n_steps))
    ax.invert_yaxis()
    ax.locator_params(axis="y", integer=True)
    ax.legend(loc="upper right", framealpha=0)
    figure.savefig(FOLDER / "speculation.png", dpi=110, transparent=True)
    plt.close(figure)
    plt.rcdefaults()
    print(f"speculation: {len(ends)} sweeps for {n_steps} steps")


def main() -> None:
    """Draw all pictures."""
    jax.config.update("jax_enable_x64", True)
    FOLDER.mkdir(exist_ok=True)
    speculation()
    target = pmcmc.targets.banana()

    def run(n_steps: int, solver: object, **options: object) -> pmcmc.Result:
        x0 = options.pop("x0", target.initial_position)
        kernel = pmcmc.MALA(0.3)
        return pmcmc.sample(target.logdensity, x0, n_steps, kernel=kernel, solver=solver, **options)

    def by_sweeps(n_steps: int, **options: object) -> pmcmc.Result:
        return run(n_steps, pmcmc.ParallelNewton(window=n_steps, **options))

    def save(axes: object, name: str) -> None:
        np.ravel(axes)[0].figure.savefig(FOLDER / f"{name}.png", dpi=90)
        plt.close("all")

    stopped = [by_sweeps(N_STEPS, max_sweeps=k + 1, fallback=None) for k in (1, 5, 25)]
    whole = by_sweeps(N_STEPS, n_logged_sweeps=N_STEPS)
    loop = run(N_STEPS, "sequential")
    save(plots.iterates([*stopped, whole], target.logdensity), "iterates")
    save(plots.sweeps(whole), "sweeps")
    save(plots.trace(whole, loop, var_name="x[1]"), "trace")

    lengths = (64, 256, 1024, 4096)
    dense = pmcmc.solvers.Dense()
    runs = {
        "quasi (Hutchinson diagonal)": [by_sweeps(n) for n in lengths],
        "newton (dense)": [by_sweeps(n, jacobian=dense) for n in lengths],
    }
    save(plots.scaling(runs), "scaling")

    starts = np.tile(target.initial_position, (4, 1))
    four = {
        solver: run(20_000, solver, x0=starts, n_chains=4) for solver in ("sequential", "quasi")
    }
    save(plots.seconds(four), "seconds")
    short = run(2000, "sequential", x0=starts, n_chains=4)
    save(plots.rank(short), "rank")


if __name__ == "__main__":
    main()
