"""Simulation-based calibration of `kernel="surrogate_hmc"`: the committed ranks, and new ones."""

import json
import pathlib

import numpy as np
import pytest

from benchmarks import calibration

FOLDER = pathlib.Path(calibration.__file__).parent
RESULT = json.loads((FOLDER / "results" / "calibration.json").read_text())
DOCS = pathlib.Path(__file__).parents[1] / "docs" / "evidence.md"
GOOD, CONTROL = calibration.POWERS
LEAST = 0.01 / 8  # one in a hundred among the eight probabilities of a posterior


def probabilities(posterior, ranks=RESULT["ranks"]):
    rows = calibration.rows_of({posterior: ranks[posterior]})
    return np.array([[row["p, 20 bins"], row["p, Kolmogorov-Smirnov"]] for row in rows])


def test_ranks_are_even_and_those_of_the_control_are_not():
    assert len(RESULT["ranks"][GOOD]) >= 300
    assert probabilities(GOOD).min() > LEAST
    assert probabilities(CONTROL).min() < 1e-4


def test_the_documented_table_is_that_of_the_ranks():
    text = DOCS.read_text()
    for posterior in (GOOD, CONTROL):
        for name, row in zip(calibration.NAMES, probabilities(posterior), strict=True):
            assert f"| {posterior} | {name} | {row[0]:.2g} | {row[1]:.2g} |" in text


def test_uneven_ranks_are_noticed():
    rng = np.random.default_rng(0)
    even = rng.integers(0, calibration.N_DRAWS + 1, size=500)
    assert min(calibration.evenness(even)) > 0.01
    assert max(calibration.evenness((even * 0.9).astype(int))) < 1e-3


@pytest.mark.slow
def test_new_fits_are_calibrated():
    ranks = [calibration.ranks_of_fit(10_000 + i, 1.0) for i in range(300)]
    assert probabilities(GOOD, {GOOD: ranks}).min() > LEAST
