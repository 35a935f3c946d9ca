import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from pmcmc._demo import hares, story, table, ways

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"


def run(*arguments, **options):
    command = [sys.executable, "-m", "pmcmc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_demo_answers_and_draws(tmp_path):
    done = run("--steps", "200", "--ways", "walk", "--output", "hares.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "when do the hares peak next?" in done.stdout
    rows = re.findall(r"^(loop|speculation) +800 .* (192\d\.?\d*) \+- ", done.stdout, re.MULTILINE)
    assert [name for name, _ in rows] == ["loop", "speculation"]
    assert rows[0][1] == rows[1][1]
    assert "The same decisions in all 800 steps of the walk" in done.stdout
    assert 'For a walk of this length "auto" would choose the loop' in done.stdout
    assert done.stderr == ""  # bars are for terminals
    assert (tmp_path / "hares.png").read_bytes().startswith(b"\x89PNG")


def test_other_ways_on_another_target(tmp_path):
    pytest.importorskip("numpyro")
    done = run(
        "--target", "banana", "--steps", "240", "--ways", "surrogate_hmc", "nuts", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "banana: what is x[0]?" in done.stdout
    assert re.search(r"^surrogate_hmc +320 +\d+ +0 ", done.stdout, re.MULTILINE)
    nuts = re.search(r"^NumPyro NUTS +16 +(\d+) +(\d+) ", done.stdout, re.MULTILINE)
    assert int(nuts[1]) == int(nuts[2]) >= 16
    assert "raise --steps" in done.stdout
    assert (tmp_path / "pmcmc-demo.png").read_bytes().startswith(b"\x89PNG")


def test_a_way_that_does_not_suit_is_left_out(tmp_path, capsys):
    from pmcmc import _demo

    picture = str(tmp_path / "none.png")
    options = ["--ways", "surrogate_hmc", "--steps", "200", "--output", picture]
    with pytest.raises(SystemExit, match="1"):
        _demo.main(["--target", "stochastic_volatility", *options])
    assert "surrogate_hmc is left out: " in capsys.readouterr().out


def test_warnings_of_a_way_are_told_below_the_table(tmp_path, capsys, monkeypatch):
    from pmcmc import _demo

    def warn(_):
        warnings.warn("be careful", UserWarning, stacklevel=1)
        raise ValueError("no luck")

    monkeypatch.setattr(ways.Ways, "surrogate_hmc", warn)
    picture = str(tmp_path / "none.png")
    with pytest.raises(SystemExit, match="1"):
        _demo.main(["--target", "banana", "--ways", "surrogate_hmc", "--output", picture])
    told = capsys.readouterr()
    assert "surrogate_hmc is left out: no luck\nsurrogate_hmc warns: be careful\n" in told.out
    assert told.err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "0"], "must be an integer of at least 200, got 0"),
        (["--seed", "-1"], "must be an integer of at least 0, got -1"),
        (["--output", "missing/folder/chain.png"], "folder missing/folder does not exist"),
        (["--target", "rabbits"], "invalid choice: 'rabbits'"),
    ],
)
def test_demo_names_bad_options(arguments, message, capsys):
    from pmcmc import _demo

    with pytest.raises(SystemExit, match="2"):
        _demo.main(arguments)
    assert message in capsys.readouterr().err


def test_help_names_every_way_and_every_target(capsys):
    from pmcmc import _demo

    with pytest.raises(SystemExit, match="0"):
        _demo.main(["--help"])
    words = capsys.readouterr().out.split()
    assert {*ways.NAMES} <= {word.strip("{},") for name in words for word in name.split(",")}
    assert {*story.NAMES} <= {word.strip(",") for word in words}


def test_next_peak_near_equilibrium_is_that_of_a_sine():
    # Near (gamma / delta, alpha / beta) curves are sines of frequency sqrt(alpha * gamma). With
    # hares in balance and too many lynxes the hares fall first: peaks come at 3/4 of a period.
    alpha, beta, gamma, delta = 0.55, 0.03, 0.8, 0.025
    numbers = [alpha, beta, gamma, delta, gamma / delta, 1.001 * alpha / beta, 1, 1]
    period = 2 * np.pi / np.sqrt(alpha * gamma)
    expected = min(t for t in (np.arange(9) + 0.75) * period if t > 20)
    assert hares.next_peak(np.log([numbers]))[0] == pytest.approx(1900 + expected, abs=0.03)


def test_curves_start_at_the_initial_numbers_and_follow_the_counts():
    position = story.story_of("lotka_volterra").target.initial_position
    years, numbers = hares.curves(position[None])
    assert numbers[0, 0] == pytest.approx(np.exp(position[4:6]))
    assert (years[0], years[-1]) == (1900, 1932)
    counts = hares.read_numbers("hudson_lynx_hare.csv")
    found = numbers[0, np.searchsorted(years, counts[:, 0] - 1e-9)]
    assert np.corrcoef(np.log(found).ravel(), np.log(counts[:, 1:]).ravel())[0, 1] > 0.9


def test_the_loss_told_is_the_one_measured():
    rows = json.loads((RESULTS / "slow-cpu.json").read_text())["same-chain"]
    name, told = table.LOSS
    (row,) = (row for row in rows if (row["target"], row["chains"]) == (name, ways.N_CHAINS))
    assert row["loop / speculation"] == pytest.approx(told, abs=0.005)


def test_version():
    assert re.fullmatch(r"pmcmc \d+\.\d+\.\d+\n", run("--version").stdout)
