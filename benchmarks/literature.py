"""Published experiments on parallel-in-time evaluation, with our counts next to the published ones.

Each row is one method on a whole sequence in one window, in float64 on the device at hand. By
default, long sequences are cut so that a laptop finishes in minutes; `--full` uses the published
lengths. `docs/literature.md` explains the rows, and how they differ from the published ones.

    python -m benchmarks literature [--full] [--only EXPERIMENT ...]
"""

import argparse
import json
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import jax
import numpy as np

import pmcmc
from benchmarks._literature import chaos, maps, networks, orders, training
from benchmarks._literature.count import MERIT, METHODS, NORMAL, PENALTIES, Case, row, zeros
from benchmarks._record import RESULTS, print_table, write
from benchmarks.two_well import STEPS, draw_noise
from pmcmc import diagnostics

Rows = Iterator[dict[str, Any]]
PAIRED_SIZES = (1, 2, 4, 8, 16, 32)
GAINS = (0.6, 0.9, 1.2, 1.4, 1.7, 2.0, 2.5)


def gru_evaluation(is_full: bool) -> Rows:
    """Untrained GRUs in float32, at a tolerance of 1e-4."""
    length = 10_000
    for size in PAIRED_SIZES:
        weights = networks.gru_weights(size, size, seed=size)
        inputs = np.random.default_rng(size).normal(size=(length, size)).astype(np.float32)
        step = partial(networks.gru, weights)
        case = Case(
            "GRU", f"D={size}", lambda s, u, f=step: f(s, u), np.zeros(size, np.float32), inputs
        )
        for method in ("Newton", "quasi"):
            yield row(
                case,
                method,
                is_timed=True,
                atol=1e-4,
                rtol=1e-5,
                guess=zeros(case).astype(np.float32),
            )


def gru_training(is_full: bool) -> Rows:
    """Sequence classification by a GRU, with gradients through `solve`."""
    yield training.row(length=17_984 if is_full else 500)


def autoregressive_gru(is_full: bool) -> Rows:
    """A GRU that takes its own noisy output as input, trained on a noisy sine."""
    length = 10_000 if is_full else 1_000
    weights = networks.autoregressive_weights(size=4)
    noise = np.random.default_rng(2).normal(size=length)
    step = partial(networks.autoregressive, weights)
    case = Case("autoregressive GRU", "noisy sine", step, np.zeros(5), noise)
    published = {
        "Newton": "4,449 of 10,000",
        "quasi": "7,383 of 10,000",
        "ELK, 1e-06": "172 of 10,000",
        "quasi-ELK, 1e-02": "1,566 of 10,000",
    }
    yield from _damped(case, published)


def lorenz_96(is_full: bool) -> Rows:
    """The Lorenz-96 system with five coordinates."""
    start = maps.lorenz_96_start()
    case = Case("Lorenz-96", "F=8", maps.lorenz_96, start, np.zeros(1000))
    yield from _damped(case, {"Newton": "about as many as ELK"})


def _damped(case: Case, published: dict[str, str]) -> Rows:
    for method in ("Newton", "quasi"):
        yield row(case, method, published.get(method, ""), guess=zeros(case))
    for kind in ("ELK", "quasi-ELK"):
        for penalty in PENALTIES:
            method = f"{kind}, {penalty:.0e}"
            yield row(case, method, published.get(method, ""), guess=zeros(case))
    yield row(case, "ELK, adaptive", guess=zeros(case))


def mean_field(is_full: bool) -> Rows:
    """A random network of 100 units, with gains below and above the onset of chaos."""
    length, size = (10_000 if is_full else 300), 100
    inputs = networks.waves(length, size, seed=0)
    start = np.random.default_rng(1).uniform(-1, 1, size)
    for gain in GAINS:
        step = networks.mean_field(gain, size, seed=2)
        case = Case("mean-field RNN", f"gain {gain}", step, start, inputs)
        exponent = float(diagnostics.lyapunov_exponent(step, start, inputs))
        found = row(case, "Newton", stopping=MERIT, guess=NORMAL)
        yield found | {"exponent": exponent}


def two_well(is_full: bool) -> Rows:
    """Langevin steps in two wells, which lie along the first or the second axis."""
    for name, turn in (("first axis", False), ("second axis", True)):
        noise = np.asarray(draw_noise(0, 10_000))

        def step(s: jax.Array, u: jax.Array, turn: bool = turn) -> jax.Array:
            return STEPS["softplus"](s[::-1], u[::-1])[::-1] if turn else STEPS["softplus"](s, u)

        case = Case("two wells", name, step, np.zeros(2), noise)
        exponent = float(diagnostics.lyapunov_exponent(step, np.zeros(2), noise))
        for rule in (MERIT, None):
            published = "at most about 35" if rule else ""
            yield row(case, "Newton", published, stopping=rule, guess=NORMAL) | {
                "exponent": exponent
            }


def chaotic_systems(is_full: bool) -> Rows:
    """Nine chaotic flows, slow for every method, and their observers, which are fast."""
    long = 30_000
    drawn = chaos.draws(long)
    for name, flow in chaos.FLOWS.items():
        seen = np.asarray(chaos.trajectory(flow, long))
        step, start = chaos.observer(flow, drawn.measured), np.asarray(flow.start)
        case = Case("observer", name, step, start + np.asarray(drawn.starts[flow.key]), seen)
        guess = np.asarray(drawn.guess)
        yield row(case, "Newton", f"{flow.published[1]:,}", stopping=MERIT, guess=guess)
        yield row(case, "Newton", guess=guess)
    for name, flow in chaos.FLOWS.items():
        length = long if is_full or name in ("ABC", "Chua") else 1_000
        step, start = chaos.system(flow), np.asarray(flow.start)
        case = Case("chaotic system", name, step, start, np.zeros(length))
        guess = np.asarray(drawn.guess)[:length]
        yield row(case, "Newton", f"{flow.published[0]:,} of 30,000", stopping=MERIT, guess=guess)


def rounding_orders(is_full: bool) -> Rows:
    """One method, with its linear recurrence solved in several orders of rounding."""
    length = 30_000
    for name in ("ABC", "Chua"):
        flow = chaos.FLOWS[name]
        step = chaos.system(flow)
        for form, order in product(orders.FORMS, orders.ORDERS):
            sweeps, merit = orders.count_sweeps(
                partial(step, u=None), flow.start, chaos.draws(length).guess, form, order
            )
            is_theirs = (form, order) == ("states", "in rounds")
            yield {
                "experiment": "orders of rounding", "case": name, "T": length, "form": form,
                "order": order, "sweeps": sweeps, "mean merit": merit,
                "published": f"{flow.published[0]:,}" if is_theirs else "",
            }  # fmt: skip


def word_problem(is_full: bool) -> Rows:
    """Permutations of five letters: the map is linear, and no other structure approximates it."""
    inputs = maps.words(1000)
    case = Case("S5 word problem", "five letters", maps.permute, np.arange(5.0), inputs)
    published = {
        "Newton": ("1", ""),
        "quasi": ("about T", "1"),
        "Picard": ("about T", "2"),
        "Jacobi": ("about T", "1"),
    }
    for method, (sweeps, mismatch) in published.items():
        found = row(case, method, sweeps, guess=zeros(case))
        solver = METHODS[method]
        measured = diagnostics.jacobian_mismatch(maps.permute, case.s0, inputs[:200], solver=solver)
        yield found | {"mismatch": float(measured.mismatch), "published mismatch": mismatch}


def error_slopes(is_full: bool) -> Rows:
    """`s' = a s`: each sweep with a fixed matrix divides the error by the same number."""
    for factor in (0.3, 0.5, 0.8):
        for method, mismatch in (("jacobi", factor), ("picard", 1 - factor)):
            error = diagnostics.error_per_sweep(
                lambda s, u, a=factor: a * s, np.ones(1), np.zeros(60), n_sweeps=12, solver=method
            )
            slope = np.log10(error[11] / error[6]) / 5 if error[11] > 0 else float("-inf")
            yield {
                "experiment": "s' = a s", "case": f"a={factor}", "D": 1, "T": 60, "method": method,
                "slope": float(slope), "error after 6 sweeps": float(error[6]),
                "log10 of the mismatch": float(np.log10(mismatch)),
            }  # fmt: skip


def fixed_matrices(is_full: bool) -> Rows:
    """All methods on a GRU, and on Langevin steps so small that each is nearly the identity."""
    weights = networks.gru_weights(4, 4, seed=1, dtype=np.float64)
    inputs = np.random.default_rng(1).normal(size=(1000, 4))
    cases = [
        Case(
            "GRU, all methods", "D=4", lambda s, u: networks.gru(weights, s, u), np.zeros(4), inputs
        ),
        Case("Langevin, tiny steps", "1e-05", maps.gaussian_langevin(1e-5), np.zeros(4), inputs),
    ]
    for case in cases:
        for method in ("Newton", "quasi", "Picard", "Jacobi"):
            published = ""
            if case.experiment.startswith("Langevin"):
                published = "T" if method == "Jacobi" else "few"
            yield row(case, method, published, stopping=MERIT, guess=zeros(case))


def chains(is_full: bool) -> Rows:
    """MALA for the German credit data; `benchmarks.published` has the other published chains."""
    target = pmcmc.targets.german_credit()
    tuned = pmcmc.warmup(
        target.logdensity, target.initial_position, kernel="mala", n_steps=500, progress=False
    )
    for name in ("quasi", "newton"):
        result = pmcmc.sample(
            target.logdensity, tuned.state.position, 1000, kernel=tuned.kernel, solver=name,
            progress=False,
        )  # fmt: skip
        yield {
            "experiment": "German credit, MALA", "case": "tuned, windows of 64", "D": target.dim,
            "T": 1000, "method": name, "sweeps": int(result.info.sweeps[0]),
            "acceptance": float(np.mean(result.stats["acceptance_rate"])),
            "residual": float(result.info.residual[0]),
        }  # fmt: skip


EXPERIMENTS: dict[str, Callable[[bool], Rows]] = {
    "gru": gru_evaluation,
    "training": gru_training,
    "autoregressive": autoregressive_gru,
    "lorenz-96": lorenz_96,
    "mean-field": mean_field,
    "two-well": two_well,
    "chaos": chaotic_systems,
    "orders": rounding_orders,
    "words": word_problem,
    "slopes": error_slopes,
    "fixed": fixed_matrices,
    "chains": chains,
}


def committed(name: str) -> list[dict[str, Any]]:
    """The rows of a results file; empty if there is no file yet."""
    path = RESULTS / f"{name}.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"] if path.exists() else []
    return rows


def merged(name: str, experiment: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the file, with the rows of one experiment replaced by new ones."""
    old = [found for found in committed(name) if found["group"] != experiment]
    return sorted([*old, *rows], key=lambda found: list(EXPERIMENTS).index(found["group"]))


def main() -> None:
    """Run the experiments, write and print the rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks literature", description=__doc__)
    parser.add_argument("--full", action="store_true", help="use the published lengths")
    parser.add_argument("--only", nargs="+", default=list(EXPERIMENTS), choices=list(EXPERIMENTS))
    chosen = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    name = f"literature-{jax.default_backend()}" + ("-full" if chosen.full else "")
    for experiment in chosen.only:
        rows = []
        for found in EXPERIMENTS[experiment](chosen.full):
            rows.append({"group": experiment} | found)
            write(name, rows=merged(name, experiment, rows))  # now: the rest may take hours
    shown = ("experiment", "case", "D", "T", "method", "sweeps", "published", "difference")
    print_table([{key: found.get(key, "") for key in shown} for found in committed(name)])


if __name__ == "__main__":
    main()
