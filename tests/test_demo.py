import re
import subprocess
import sys

import pytest


def run(*arguments, **options):
    command = [sys.executable, "-m", "pmcmc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_demo_prints_the_comparison_and_draws_it(tmp_path):
    done = run("--steps", "60", "--output", "chain.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"acceptance rate +0\.\d+ +0\.\d+", done.stdout)
    for label in ("bulk ESS", "R-hat", "sweeps", "work per step", "residual", "compile", "run"):
        assert label in done.stdout
    difference = re.search(r"difference between the two chains: (\S+), .* identical", done.stdout)
    assert float(difference[1]) < 1e-6
    assert "sampling: 60 of 60 steps" in done.stderr
    assert (tmp_path / "chain.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "0"], "must be an integer from 1 on, got 0"),
        (["--steps", "many"], "--steps"),
        (["--seed", "-1"], "must be an integer from 0 on, got -1"),
        (["--output", "missing/folder/chain.png"], "folder missing/folder does not exist"),
    ],
)
def test_demo_names_bad_options(arguments, message, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr


def test_version():
    assert re.fullmatch(r"pmcmc \d+\.\d+\.\d+\n", run("--version").stdout)
