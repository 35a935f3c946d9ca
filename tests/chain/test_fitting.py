"""When the surrogate of a run is fitted again."""

from types import SimpleNamespace

import numpy as np
import pytest

from pmcmc._chain.fitting import Fitting


def test_times_that_are_unknown_choose_no_window():
    fitting = Fitting(4)
    for i, seconds in enumerate((1.0, None, 2.0)):
        segment = Segment(600, 4, i)
        segment.positions = segment.proposals[0]
        segment.report = SimpleNamespace(sweeps=np.array([10]), evaluations=np.array([640]))
        fitting.add(segment, seconds)
        if i == 0:
            assert fitting.surrogate() is not None
    assert fitting.sweeps_so_far().seconds == {64: 0.1}


class Segment:
    """Proposals of one chain, and the values there."""

    def __init__(self, n, dim, seed):
        x = np.random.default_rng(seed).normal(size=(1, n, dim))
        self.proposals = (x, -0.5 * np.sum(x**2, axis=-1))
        self.report = type("Report", (), {"sweeps": np.zeros(1)})


@pytest.mark.parametrize(
    ("dim", "due"),
    [
        # Enough for every degree from the first fit on: then only many more are worth a fit.
        (4, [500, 4_000]),
        # 495 terms of degree 4: 2.5 evaluations each, and a tenth more.
        (8, [500, 1_362, 10_896]),
        # Degree 3 has 455 terms, degree 4 has 1,820.
        (12, [500, 1_252, 5_005]),
    ],
)
def test_fits_are_due_where_a_higher_degree_is_possible(dim, due):
    fitting, found, n = Fitting(dim), [], 0
    while n < due[-1]:
        n += fitting.piece(10**9, 1)
        fitting.add(Segment(fitting.piece(10**9, 1), dim, n), 1.0)
        if fitting.is_due:
            found.append(n)
            fitting.surrogate()
    assert found == due
