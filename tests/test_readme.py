"""The code of the documentation runs as it is printed."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRINTED = {
    "README.md": ["pmcmc.Result: 4 x 2,000 draws", "ess_bulk", "sweeps, 1.", "residual 0.0e+00"],
    "docs/blackjax.md": ["decisions identical: True", "kernel      AlgorithmKernel"],
    "docs/numpyro.md": ["sites       mu (), tau ()", "school", "Number of divergences"],
    "docs/index.md": ["pmcmc.Result: 4 x 2,000 draws", "pmcmc.Report: "],
    "docs/getting_started.md": [
        "pmcmc.Result: 4 x 2,000 draws (chain x draw) of 10 numbers, float64",
        "auto        the loop: ",
        "solver      ParallelNewton (Diagonal, in a basis)",
        "ess_bulk",
        "'diverging', 'is_accepted', 'lp'",
        "decisions identical: True",
    ],
    "docs/choose.md": [
        "MALA(step_size=0.2): exponent -0.3",
        "Barker(step_size=0.8): exponent 0.0",
        "parallel in time: False",
    ],
    "docs/conventions.md": [
        "chain 0, step 0: residual below 1e-11: True",
        "chain 1, step 199: residual below 1e-11: True",
        "sweep 10: residual ",
        "the first 500 states exact",
        "pmcmc.solve: 11 sweeps",
        "same as the loop: True",
    ],
    "docs/extending.md": [
        "the loop's chain: True",
        "within 4 standard errors: True\n",
        "within 4 standard errors: True sd ratio 0.98",
        "Blocks(size=2): the loop's states",
    ],
    "docs/faq.md": [
        "x0 must have a leading axis",
        "NOT CONVERGED in chain 0",
        "steps one at a time",
        "exponent 0.",
        "programs: 2",
    ],
    "docs/diagnostics.md": ["pmcmc.Report: ", "pmcmc.Comparison: "],
    "docs/kernels.md": ["HMC(step_size=0.45", "sd 0.9"],
    "docs/warmup.md": ["MALA(step_size=", "accepts 0.", "pmcmc.BurnIn: stationary", "the loop: "],
    "docs/slow_models.md": [
        "a surrogate of degree 4, held-out error 0.0",
        "accepts 0.",
        "the loop's decisions: True",
        "sweeps instead of 4000 steps, residual 0.0",
    ],
    "docs/scaling.md": ["(2, 3000, 3)", "True 20000", "Speculative 4", "same chain: True"],
    "docs/simulator.md": ["a surrogate of degree 4", "rounds of the pool", "log inflow 0.4"],
    "docs/crash.md": [
        "failed 2 times at [",
        "OSError: no power, in steps 192 to 255",
        "192 of 600 steps are in",
        "(1, 600, 2)",
        "the same chain: True",
    ],
    "docs/solvers.md": ["newton  ", "sweeps, gamma 0.00", "exponent -"],
}


LIBRARIES = {
    "docs/blackjax.md": "blackjax",
    "docs/diagnostics.md": "matplotlib",
    "docs/numpyro.md": "numpyro",
}


def blocks_of(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)


def quotations(page):
    """What the page says its blocks print: indented, with dots where something is left out."""
    text = re.sub(r"```python\n.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    indented = re.findall(r"^(?: {4}.*\n)+", text, flags=re.MULTILINE)
    return [plain(part) for block in indented for part in block.split("...") if part.strip()]


def plain(text):
    """The text on one line, whatever the figures in it."""
    return re.sub(r"\s+", " ", re.sub(r"\d[\d.e+-]*", "#", text)).strip()


@pytest.mark.parametrize("page", PRINTED)
def test_example_runs(page, capsys):
    library = LIBRARIES.get(page)
    if library is not None:
        pytest.importorskip(library)
    names = {}  # the blocks of a page go on from one another
    for block in blocks_of(page):
        exec(block, names)
    printed = capsys.readouterr().out
    for text in PRINTED[page]:
        assert text in printed
    if page == "docs/faq.md":
        for text in quotations(page):
            assert text in plain(printed)


def test_every_page_is_tested():
    pages = [f"docs/{path.name}" for path in ROOT.glob("docs/*.md")]
    assert {"README.md", *filter(blocks_of, pages)} == set(PRINTED)


def test_every_page_is_in_the_contents():
    pages = {path.name for path in ROOT.glob("docs/*.md")}
    configured = re.findall(r": (\w+\.md)$", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE)
    linked = re.findall(r"\]\((\w+\.md)\)", (ROOT / "docs" / "index.md").read_text())
    assert pages == {*configured} == {*linked, "index.md"}


def test_every_public_name_is_in_the_reference():
    import inspect

    import pmcmc

    page = (ROOT / "docs" / "reference.md").read_text()
    names = ("kernels", "solvers", "surrogates", "diagnostics", "targets")
    for module in (pmcmc, *(getattr(pmcmc, name) for name in names)):
        for name, value in vars(module).items():
            if not name.startswith("_") and not inspect.ismodule(value):
                # Each has its entry where it lives, or where users find it.
                entries = re.findall(rf"^::: pmcmc[.a-z]*\.{name}$", page, flags=re.MULTILINE)
                assert entries, name


def test_every_method_has_a_line_in_the_documentation():
    from pmcmc import solvers

    page = (ROOT / "docs" / "solvers.md").read_text()
    for name in {*solvers.PRESETS} - {"auto"}:
        assert f'| `"{name}"` |' in page
    for kind in (solvers.Structure, solvers.Damping, solvers.Guess):
        for cls in kind.__subclasses__():
            assert cls.__name__ not in dir(solvers) or f"`{cls.__name__}" in page, cls


def test_every_kernel_and_every_target_has_a_line_in_the_documentation():
    import inspect

    import pmcmc

    page = (ROOT / "docs" / "kernels.md").read_text()
    for name, value in vars(pmcmc.kernels).items():
        if inspect.isclass(value) and issubclass(value, pmcmc.kernels.Kernel):
            assert inspect.isabstract(value) or f"| `{name}(" in page, name
    for name, value in vars(pmcmc.targets).items():
        assert not inspect.isroutine(value) or f"`{name}(" in page, name


def measured(name):
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())["rows"]


def test_figures_of_scaling_are_those_that_were_measured():
    page = (ROOT / "docs" / "scaling.md").read_text()
    for row in measured("streaming-cpu"):
        peaks = [f"{value:,}" for name, value in row.items() if name.startswith("peak")]
        cells = [row["kept"], *peaks, f"{row['of it draws']:,}"]
        assert f"| {' | '.join(cells)} |" in page
    for row in measured("workers-cpu"):
        speed_up, steps = f"{row['speed-up']:.1f}", f"{row['steps/sweep']:.1f}"
        cells = [f"`{row['kernel']}`", row["function"], str(row["workers"]), steps, speed_up]
        assert f"| {' | '.join(cells)} |" in page
    for row in measured("devices-cpu"):
        gains = [f"{row[f'{other} / this']:.2f}" for other in ("one device", "loop")]
        times = [f"{row[name]:.1f}" for name in ("steps/sweep", "ms/sweep")]
        cells = [f"`{row['kernel']}`", row["target"], str(row["devices"]), *times, *gains]
        assert f"| {' | '.join(cells)} |" in page


SAMPLERS = ["surrogate_hmc", "hmc", "NumPyro NUTS", "BlackJAX NUTS", "nutpie"]


def test_figures_of_slow_models_are_those_that_were_measured():
    results = json.loads((ROOT / "benchmarks" / "results" / "slow-cpu.json").read_text())
    page = (ROOT / "docs" / "slow_models.md").read_text()
    found, effective = {}, {}
    for row in results["same-chain"]:
        assert row["same decisions"]
        found.setdefault(row["target"], [str(row["D"])]).append(f"{row['loop / speculation']:.2f}")
    for target, figures in found.items():
        assert f"| {' | '.join([f'`{target}`', *figures])} |" in page, target
    for call in ("", ", again"):
        # Of NumPyro's two metrics the better one is shown.
        for row in sorted(results["effective"], key=lambda row: row["ESS/s" + call]):
            ess, rhat = row["ESS/s" + call], row["largest R-hat"]
            figure = f"{ess:.2g}" if ess < 99.5 else f"{ess:,.0f}"
            figure += f" (R-hat {rhat:.2f})" if rhat > 1.05 else ""
            sampler = row["sampler"].removesuffix(", diagonal")
            effective.setdefault((row["target"], call), {})[sampler] = figure
    for (target, call), figures in effective.items():
        cells = [f"`{target}`", "later" if call else "first"]
        cells += [figures.get(x, "") for x in SAMPLERS]
        assert f"| {' | '.join(cells)} |" in page, (target, call)
    for row in results["gradients"]:
        ratio = row["loop, us/step"] / row["speculation, us/step"]
        work = [f"{row[f'gradients/step, {x}']:.1f}" for x in ("speculation", "quasi")]
        ratios = [f"{row['quasi / speculation']:.2g}", f"{ratio:.2f}"]
        cells = [f"`{row['target']}`", str(row["D"]), *work, *ratios]
        assert f"| {' | '.join(cells)} |" in page, row["target"]


def test_wins_and_losses_of_the_readme_are_those_that_were_measured():
    from statistics import median

    def results(name):
        return json.loads((ROOT / "benchmarks" / "results" / f"{name}-cpu.json").read_text())

    slow = results("slow")
    ess = {
        call: {(row["target"], row["sampler"]): row["ESS/s" + call] for row in slow["effective"]}
        for call in ("", ", again")
    }
    ahead = {r["target"]: r["loop / speculation"] for r in slow["same-chain"] if r["chains"] == 1}
    sweeps = [row["loop / solver"] for row in results("samplers")["rows"]]
    sweeps = [ratio for ratio in sweeps if ratio]
    seconds = {
        (row["sampler"], row["burn-in"]): row["seconds of burn-in"]
        for row in results("burn-in")["rows"]
    }
    loops = {
        (row["target"], row["kernel"], row["chains"]): row["best peer / ours"]
        for row in results("loops")["rows"]
    }

    def gain(target, other, call=""):
        rates = {sampler: x for (name, sampler), x in ess[call].items() if name == target}
        rates["NUTS"] = max(x for name, x in rates.items() if name not in SAMPLERS[:2])
        return f"`{target}` {rates['surrogate_hmc'] / rates[other]:#.2g}".rstrip(".")

    ours = seconds["NumPyro NUTS", "pmcmc.burn_in"]
    burn_in = min(s for (_, way), s in seconds.items() if way == "own warm-up") / ours
    many = {
        row["kernel"]: row["speed-up"] for row in measured("workers-cpu") if row["workers"] == 32
    }
    shown = ("sir", "garch11", "lotka_volterra", "eight_schools", "logistic_regression")
    as_fast = sum(ratio >= 0.95 for ratio in loops.values())
    (loser, _, n_chains), least = min(loops.items(), key=lambda item: item[1])
    middle = median(loops.values())
    expected = {
        "first call: effective": [gain(name, "NUTS") for name in shown],
        "the same, later calls": [gain(name, "NUTS", ", again") for name in shown],
        "our `hmc`": [gain(name, "hmc") for name in shown],
        "speculation": [
            f"`{name}` {ahead[name]:.2g}"
            for name in ("seir_age_groups", "lotka_volterra", "sir", "eight_schools")
        ],
        "32 workers": [
            f"`surrogate_hmc` {many['surrogate_hmc']:.2g}",
            f"{many['random_walk']:.2g}",
        ],
        "burn-in": [f"`lotka_volterra` {burn_in:.2g}"],
        "quasi-Newton": [
            f"all {len(sweeps)} cases",
            f"{max(sweeps):.2g} at best, {median(sweeps):.2g} ",
        ],
        "our loop: ": [
            f"{as_fast} of {len(loops)} cases",
            f"{middle:.2f}",
            f"`{loser}`",
            f"{n_chains} chain{'' if n_chains == 1 else 's'} {least:.2f}",
        ],
    }
    rows = re.findall(r"^\| .*$", (ROOT / "README.md").read_text(), flags=re.MULTILINE)[1:]
    assert len(rows) == len(expected)
    for row, (name, figures) in zip(rows, expected.items(), strict=True):
        assert name in row
        for figure in figures:
            assert re.search(rf"{re.escape(figure)}(?![.]?\d)", row), (figure, row)
