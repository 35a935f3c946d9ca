"""Pictures show the numbers that they are of."""

import dataclasses

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest
from matplotlib import colors
from matplotlib import pyplot as plt

import pmcmc
from pmcmc import plots
from pmcmc.plots import _style

from ..helpers.densities import gaussian

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def solver():
    return pmcmc.ParallelNewton(window=60, n_logged_sweeps=100)


def run(solver, n_steps=60):
    return pmcmc.sample(
        gaussian, np.zeros((2, 2)), n_steps, kernel=pmcmc.MALA(0.3), n_chains=2, solver=solver
    )


@pytest.fixture(scope="module")
def sweeping(solver):
    return run(solver)


@pytest.fixture(scope="module")
def loop():
    return run("sequential")


def lines(ax):
    return {line.get_label(): line.get_xydata().T for line in ax.lines}


def test_trace_shows_the_draws_and_the_reference(sweeping, loop):
    ax = plots.trace(sweeping, loop, var_name="x[1]", chain=1, n_draws=50)
    shown = lines(ax)
    for label, result in (("parallel in time", sweeping), ("loop", loop)):
        np.testing.assert_array_equal(shown[label][0], np.arange(1, 51))
        np.testing.assert_array_equal(shown[label][1], result.positions[1, :50, 1])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "x[1]")


def test_trace_draws_where_it_is_told_and_takes_other_draws(loop):
    _, mine = plt.subplots()
    assert plots.trace({"mu": np.zeros((1, 10))}, ax=mine) is mine
    assert mine.get_ylabel() == "mu"
    assert plots.trace(loop, {"x": loop.positions}) is not mine


def test_trace_puts_thinned_draws_at_their_steps(sweeping, loop):
    thinned = _with_info(dataclasses.replace(loop, positions=loop.positions[:, 9::10]), thin=10)
    shown = lines(plots.trace(sweeping, thinned))
    np.testing.assert_array_equal(shown["loop"][0], [10, 20, 30, 40, 50, 60])
    np.testing.assert_allclose(shown["loop"][1], shown["parallel in time"][1][9::10], atol=1e-9)
    shown = lines(plots.trace(thinned, sweeping, n_draws=2))
    np.testing.assert_array_equal(shown["parallel in time"][0], np.arange(1, 21))


def test_sweeps_end_where_the_record_is_full(sweeping):
    record = sweeping.info.sweep_log[0]
    n_sweeps = int(sweeping.info.sweeps[0])
    full = pmcmc.solvers.SweepLog(*(rows[:, : n_sweeps - 3] for rows in record))
    _, finished = plots.sweeps(_with_info(sweeping, sweep_log=[full, record]))
    assert len(finished.lines[0].get_ydata()) == n_sweeps - 3


def test_sweeps_shows_the_record(sweeping):
    residual, finished = plots.sweeps(sweeping, chain=1)
    record, n_sweeps = sweeping.info.sweep_log[0], int(sweeping.info.sweeps[1])
    (shown,) = finished.lines
    np.testing.assert_array_equal(shown.get_xdata(), np.arange(1, n_sweeps + 1))
    np.testing.assert_array_equal(shown.get_ydata(), record.finished[1, :n_sweeps])
    assert shown.get_ydata()[-1] == 60
    np.testing.assert_array_equal(residual.lines[0].get_ydata(), record.residual[1, :n_sweeps])
    assert residual.get_yscale() == "log"
    assert finished.get_xlabel() == "sweep"


def test_sweeps_counts_on_over_segments_and_takes_solutions(sweeping):
    record = sweeping.info.sweep_log[0]
    twice = pmcmc.solvers.SweepLog(record.residual, record.finished, record.reset, record.merit)
    info = sweeping.info
    _, finished = plots.sweeps(_with_info(sweeping, sweep_log=[record, twice]))
    assert finished.lines[0].get_ydata()[-1] == 120
    assert len(finished.lines[0].get_ydata()) == 2 * info.sweeps[0]

    inputs = np.ones((20, 1))
    solver = pmcmc.ParallelNewton(n_logged_sweeps=30)
    solution = pmcmc.solve(lambda s, u: 0.5 * s + u, np.zeros(1), inputs, solver=solver)
    _, finished = plots.sweeps(solution)
    assert finished.lines[0].get_ydata()[-1] == 20


def test_iterates_have_a_panel_each_and_the_loop_s_chain_at_the_end(sweeping, loop):
    early = run(pmcmc.ParallelNewton(window=60, max_sweeps=4, fallback=None))
    panels = plots.iterates([early, sweeping], gaussian)
    assert [ax.get_title() for ax in panels] == [
        "3 sweeps",
        f"{sweeping.info.sweeps[0] - 1} sweeps",
    ]
    np.testing.assert_allclose(panels[1].lines[0].get_xydata(), loop.positions[0], atol=1e-9)
    assert panels[0].collections  # contours
    assert panels[0].get_xlim() == panels[1].get_xlim()


def test_scaling_shows_sweeps_against_length(sweeping, solver):
    longer = run(solver, 40)
    ax = plots.scaling({"quasi": [sweeping, longer]})
    shown = lines(ax)
    np.testing.assert_array_equal(shown["quasi"][0], [40, 60])
    np.testing.assert_allclose(
        shown["quasi"][1], [longer.info.sweeps.mean(), sweeping.info.sweeps.mean()]
    )
    np.testing.assert_array_equal(*shown["loop: a step at a time"])
    assert ax.get_xlabel() == "length of the chain (steps)"


def test_scaling_of_recursions():
    def solved(starts, length):
        def of(s0):
            return pmcmc.solve(lambda s, u: jnp.tanh(s + u), s0, np.ones((length, 1)))

        return jax.vmap(of)(starts) if starts.ndim > 1 else of(starts)

    one, many = solved(np.zeros(1), 30), solved(np.zeros((3, 1)), 20)
    shown = lines(plots.scaling({"quasi": [one, many]}))
    np.testing.assert_array_equal(shown["quasi"][0], [20, 30])
    np.testing.assert_allclose(shown["quasi"][1], [np.mean(many.sweeps), one.sweeps])


def test_seconds_are_those_of_the_runs(sweeping, loop):
    ax = plots.seconds({"quasi": sweeping, "loop": loop})
    widths = np.array([bar.get_width() for bar in ax.patches]).reshape(4, 2)
    for i, result in enumerate((sweeping, loop)):
        info = result.info
        parts = info.seconds_compile, info.seconds_setup, info.seconds_warmup, info.seconds_run
        np.testing.assert_allclose(widths[:, i], parts)
        left = np.array([bar.get_x() for bar in ax.patches]).reshape(4, 2)[:, i]
        np.testing.assert_allclose(left, np.cumsum([0, *parts])[:-1])
    assert ax.get_xlabel() == "seconds"


def test_rank_has_a_panel_for_each_number(loop):
    assert len(plots.rank(loop)) == 2
    draws = {"a": loop.positions[..., 0], "b": loop.positions[..., 1]}
    assert len(plots.rank(draws, var_names=["b"])) == 1


def test_pictures_are_drawn_in_the_dark(sweeping, loop, tmp_path):
    with plt.style.context("dark_background"):
        ax = plots.trace(sweeping, loop)
        ax.figure.savefig(tmp_path / "dark.png")
        assert ax.xaxis.label.get_color() == plt.rcParams["axes.labelcolor"]


@pytest.mark.parametrize("color", [*_style.COLORS, _style.GREY])
def test_colors_stand_out_on_light_and_dark(color):
    # Relative luminance and contrast of WCAG 2.1.
    rgb = np.array(colors.to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert 1.05 / (luminance + 0.05) >= 3
    assert (luminance + 0.05) / 0.05 >= 3


BAD = {
    "no such number": lambda run, loop: plots.trace(run, var_name="y"),
    "no such chain": lambda run, loop: plots.trace(run, chain=2),
    "no such chain of the reference": lambda run, loop: plots.trace(
        run, np.zeros((1, 9, 2)), chain=1
    ),
    "no draws": lambda run, loop: plots.trace(run, n_draws=0),
    "no reference": lambda run, loop: plots.trace(run, "draws.nc"),
    "no record": lambda run, loop: plots.sweeps(loop),
    "no result": lambda run, loop: plots.sweeps([1]),
    "no chain of sweeps": lambda run, loop: plots.sweeps(run, chain=9),
    "one of two axes": lambda run, loop: plots.sweeps(run, axes=[0]),
    "no runs": lambda run, loop: plots.iterates([]),
    "too few axes": lambda run, loop: plots.iterates([run, run], axes=[0]),
    "no lists": lambda run, loop: plots.scaling({}),
    "no list": lambda run, loop: plots.scaling({"quasi": run}),
    "no results": lambda run, loop: plots.scaling({"quasi": [run, np.ones(3)]}),
    "a list": lambda run, loop: plots.seconds([run]),
    "no times": lambda run, loop: plots.seconds({"quasi": run.info.sweep_log[0]}),
    "no positions": lambda run, loop: plots.iterates([run.info]),
    "no such variable": lambda run, loop: plots.rank(run, var_names=["y"]),
    "a string": lambda run, loop: plots.rank(run, var_names="x"),
}
MESSAGES = {
    "no such number": r"var_name must be one of x\[0\], x\[1\] of result, got 'y': write var_name=",
    "no such chain": "chain must be from 0 to 1, the chains of result, got 2: write chain=0",
    "no such chain of the reference": "chain must be from 0 to 0, the chains of reference, got 1",
    "no draws": "n_draws must be",
    "no reference": "reference must be a result",
    "no record": r"record of its sweeps, got Result without one: write solver=pmcmc\.",
    "no result": "record of its sweeps, got list without one",
    "no chain of sweeps": "chain must be from 0 to 1, the chains of result, got 9",
    "one of two axes": "axes must be 2, got 1: write axes=None",
    "no runs": "results must have at least one run",
    "too few axes": "axes must be 2, got 1",
    "no lists": "runs must be lists of results by name, got dict: write scaling",
    "no list": "runs must be lists of results by name, got dict: write scaling",
    "no results": "runs must hold results of pmcmc.sample or pmcmc.solve, got ndarray: write",
    "no times": "runs must be results of pmcmc.sample, got SweepLog for 'quasi', which",
    "no positions": "results must be those of pmcmc.sample, got RunInfo: write iterates",
    "a list": "runs must be results by name, got list: write seconds",
    "no such variable": r"var_names must be a list of some of \['x'\], got \['y'\]: write",
    "a string": r"var_names must be a list of some of \['x'\], got 'x'",
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments(case, sweeping, loop):
    with pytest.raises(ValueError, match=MESSAGES[case]):
        BAD[case](sweeping, loop)


def test_iterates_need_two_numbers(loop):
    three = _with_positions(loop, np.zeros((2, 60, 3)))
    with pytest.raises(ValueError, match="positions of two numbers, got 3"):
        plots.iterates([three])


def _with_info(result, **changes):
    return dataclasses.replace(result, info=dataclasses.replace(result.info, **changes))


def _with_positions(result, positions):
    return dataclasses.replace(result, positions=positions)
