"""The page on the literature: its figures are the measured ones, its names exist."""

import importlib
import itertools
import json
import re
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "literature.md").read_text()
ROWS = json.loads((ROOT / "benchmarks" / "results" / "literature-cpu.json").read_text())["rows"]


def benchmark(name):
    """A module of the benchmarks, which are no part of the package."""
    sys.path.insert(0, str(ROOT))
    try:
        return importlib.import_module(f"benchmarks.{name}")
    finally:
        sys.path.remove(str(ROOT))


def figure(value):
    """A cell of the page."""
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def tables():
    """The tables of the page that begin with names of fields: a header and rows of cells each."""
    for block in re.findall(r"(?:^\|.*\n)+", PAGE, flags=re.MULTILINE):
        lines = block.splitlines()
        header, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
        if set(header) <= set().union(*ROWS):
            yield header, rows


def test_figures_of_the_page_are_those_that_were_measured():
    printed = [(tuple(header), tuple(row)) for header, rows in tables() for row in rows]
    headers = {header for header, _ in printed}
    groups = {row["group"] for row in ROWS}
    assert len(headers) == len(groups) == 12
    for found in ROWS:
        cells = {header: tuple(figure(found.get(name)) for name in header) for header in headers}
        assert any((header, cells[header]) in printed for header in headers), found
    assert len(printed) == len(ROWS)


def test_every_row_that_converged_gives_the_chain_of_the_loop():
    for found in ROWS:
        if found.get("rule") == "residual" and found["residual"] < 1e-9:
            assert found["difference"] < 1e-4, found


def test_every_experiment_of_the_command_is_on_the_page():
    literature = benchmark("literature")
    assert {row["group"] for row in ROWS} == set(literature.EXPERIMENTS)


def test_names_on_the_page_exist():
    section = PAGE[PAGE.index("## Methods") : PAGE.index("**What counts")]
    names = re.findall(r"`(?:diagnostics\.)?([A-Z]\w+)\(|`\"([a-z-]+)\"", section)
    assert len(names) > 10
    for cls, preset in names:
        assert hasattr(pmcmc.solvers, cls) if cls else preset in pmcmc.solvers.PRESETS


@pytest.mark.parametrize("name", ["ABC", "Vallis Nino", "Thomas"])
def test_an_observer_takes_the_published_sweeps(name):
    chaos = benchmark("_literature.chaos")
    # 3,000 steps of 30,000: of those that take the published number at any length.
    flow, length = chaos.FLOWS[name], 3_000
    seen = np.asarray(chaos.trajectory(flow, length))
    drawn = chaos.draws(length)
    start = np.asarray(flow.start) + np.asarray(drawn.starts[flow.key])
    solver = pmcmc.ParallelNewton(
        jacobian=pmcmc.solvers.Dense(), window=length, guess=np.asarray(drawn.guess), basis=None,
        stopping=pmcmc.solvers.SmallMerit(1e-11),
    )  # fmt: skip
    found = pmcmc.solve(chaos.observer(flow, drawn.measured), start, seen, solver=solver)
    assert found.sweeps == flow.published[1]


def test_orders_of_rounding_are_one_method():
    orders = benchmark("_literature.orders")

    def step(s):
        return 0.9 * np.array([1.0, -0.5]) * jnp.sin(s[::-1]) + 0.3

    start, guess = np.array([0.4, -1.0]), np.random.default_rng(0).normal(size=(40, 2))
    solver = pmcmc.ParallelNewton(
        jacobian=pmcmc.solvers.Dense(), basis=None, guess=guess, window=40, fallback=None,
        stopping=pmcmc.solvers.SmallMerit(1e-10),
    )  # fmt: skip
    expected = int(pmcmc.solve(lambda s, u: step(s), start, np.zeros(40), solver=solver).sweeps)
    for form, order in itertools.product(orders.FORMS, orders.ORDERS):
        sweeps, merit = orders.count_sweeps(step, start, guess, form, order)
        assert sweeps == expected > 2
        assert merit <= 1e-10
    assert orders.count_sweeps(step, start, guess, form, order, tolerance=1.0)[0] < expected
