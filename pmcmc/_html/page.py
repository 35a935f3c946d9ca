"""The page: problems, what was run, the draws, the evidence, the versions."""

import importlib.metadata
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pmcmc._html import parts, pictures
from pmcmc._html.style import STYLE
from pmcmc._util import arviz_compat
from pmcmc.diagnostics import report
from pmcmc.diagnostics._convergence import Convergence
from pmcmc.diagnostics._draws import as_dataset, series
from pmcmc.plots._style import import_pyplot

_MOST_ROWS = 300  # of the table
_MOST_PICTURES = 6
_LIBRARIES = ("pmcmc", "jax", "jaxlib", "numpy", "arviz", "numpyro", "blackjax", "matplotlib")


def write(result: Any, path: Any) -> Path:
    """Write the page of a result as one file without scripts, fonts or anything from elsewhere.

    Args:
        result: of `pmcmc.sample` or `pmcmc.adapters.numpyro.sample_model`.
        path: path of the file; an existing one is replaced.

    Returns:
        The path.

    Raises:
        ImportError: matplotlib, or ArviZ, a dependency of pmcmc, is not installed.
        ValueError: the folder does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(
            f"path must be in a folder that exists, got {str(path)!r}: write "
            "result.report_html('report.html')."
        )
    import_pyplot()  # says what is missing
    draws = as_dataset("result", result)
    sections = (_warnings(result), _run(result), _table(draws), _draws(draws), _evidence(result))
    body = "\n".join((*sections, _time(result.info), _versions()))
    head = f'<meta charset="utf-8"><title>pmcmc: report</title>\n<style>{STYLE}</style>'
    head += '<meta name="viewport" content="width=device-width, initial-scale=1">'
    page = f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><h1>pmcmc: report</h1>\n'
    path.write_text(f"{page}{body}\n</body></html>\n", encoding="utf-8")
    return path


def _warnings(result: Any) -> str:
    found = report(result)
    looked_at = parts.paragraph(f"Figures: {found.figures}.")
    if not found.findings:
        passed = parts.paragraph("All checks passed.", "good")
        return parts.section(found.verdict.capitalize(), looked_at, passed)
    return parts.section(
        found.verdict.capitalize(),
        *(parts.paragraph(f"{what} {remedy}", "bad") for what, remedy in found.findings),
        looked_at,
    )


def _run(result: Any) -> str:
    info = result.info
    n_chains, n_draws = result.stats["is_accepted"].shape
    n_warmup = 0 if info.warmup is None else int(info.warmup.n_steps.sum())
    rows = [
        ("chains", n_chains),
        ("draws of each chain", f"{n_draws:,}, every {info.thin} of {info.n_steps:,} steps"),
        ("warm-up", f"{n_warmup:,} steps" if n_warmup else "none"),
        ("kernel", info.kernel),
        ("solver", info.solver.describe()),
        *([("auto", info.plan.headline)] if info.plan is not None else []),
        ("device, precision", f"{info.device}, {info.dtype}"),
        ("layout of the chains", info.chain_method),
        ("key", f"{info.rng_key_impl} {info.rng_key.tolist()}"),
    ]
    notes = [] if info.warmup is None else info.warmup.notes
    last = {f"warm-up: {note.tunes}": note.words for note in notes if note.is_changed}
    rows += last.items()
    return parts.section("What was run", parts.pairs(rows))


def _table(draws: Any) -> str:
    with np.errstate(all="ignore"):  # a chain that stands still has no R-hat
        table = arviz_compat.summary(_first_rows(draws))
    rows = [(name, *row) for name, row in zip(table.index, table.to_numpy(), strict=True)]
    n_all = sum(1 for _ in series(draws))
    more = f"The first {len(rows)} of {n_all:,} numbers: result.summary() has all of them."
    names = ("", *table.columns)
    notes = [parts.paragraph(more)] if len(rows) < n_all else []
    return parts.section("Summary", parts.table(names, rows), *notes)


def _first_rows(draws: Any) -> Any:
    """The variables that hold the first numbers, in ArviZ's own container."""
    arrays = dict(list(series(draws))[:_MOST_ROWS])
    return arviz_compat.to_arviz(arrays, {}, {})


def _draws(draws: Any) -> str:
    of_numbers = dict(series(draws))
    with np.errstate(all="ignore"):
        seen = Convergence.of(draws)
    worst = [seen.labels[i] for i in np.argsort(seen.bulk)] or list(of_numbers)
    shown = [(name, of_numbers[name]) for name in worst[:_MOST_PICTURES]]
    words = "Numbers with the smallest effective sample sizes come first."
    return parts.section(
        "Draws",
        parts.paragraph(words),
        parts.picture(pictures.draws(shown), "Traces and ranks of the draws"),
    )


def _evidence(result: Any) -> str:
    info = result.info
    causes = {outcome.cause for outcome in info.outcome}
    outcomes = (
        f"all chains: {causes.pop()}"
        if len(causes) == 1
        else "; ".join(f"chain {i}: {outcome.cause}" for i, outcome in enumerate(info.outcome))
    )
    if not info.sweeps.any():
        words = "Steps were taken one after another, by the loop: there is nothing to verify."
        return parts.section("Evidence", parts.paragraph(words), parts.pairs([("how", outcomes)]))
    rows = [
        ("outcome", outcomes),
        ("sweeps, one after another", f"{info.sweeps.max():,} for {info.n_steps:,} steps"),
        ("steps finished per sweep", f"{info.n_steps / info.sweeps.max():.1f}"),
        ("evaluations per step", f"{info.work_per_step.mean():.2f}; the loop takes 1"),
        ("steps taken one at a time", f"{info.sequential_steps.sum():,}"),
        ("largest residual", f"{info.residual.max():.2g}"),
        ("allowed", f"{info.atol:.0e} + {info.rtol:.0e} * |state|"),
        ("largest residual / allowed", f"{info.scaled_residual.max():.2g}"),
    ]
    words = "The chain is the loop's: each state was checked against the previous one."
    if not info.converged.all():
        words = "NOT CONVERGED: these draws are not the loop's."
    kind = "" if info.converged.all() else "bad"
    return parts.section("Evidence", parts.paragraph(words, kind), parts.pairs(rows))


def _time(info: Any) -> str:
    image = parts.picture(pictures.seconds(info), "Seconds of compilation, warm-up and run")
    evaluations = int(info.logdensity_evaluations.sum())
    gradients = int(info.gradient_evaluations.sum())
    words = f"{evaluations:,} evaluations of the log density, {gradients:,} with the gradient."
    return parts.section("Time", image, parts.paragraph(words))


def _versions() -> str:
    rows = [("Python", sys.version.split()[0]), ("system", platform.platform(terse=True))]
    for name in _LIBRARIES:
        try:
            rows.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return parts.section("Versions", parts.pairs(rows))
