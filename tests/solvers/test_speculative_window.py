"""The window of speculation is a function of what sweeps have shown."""

import numpy as np
import pytest

from pmcmc.solvers.setting import Sweeps
from pmcmc.solvers.speculative.solver import best_window, share_predicted_wrong, steps_per_sweep


@pytest.mark.parametrize("wrong", [0.0, 1e-3, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("window", [1, 16, 100])
def test_expected_steps_of_a_sweep(window, wrong):
    # The first step that is predicted wrong still stands, and none behind it.
    is_wrong = np.random.default_rng(0).random((20_000, window)) < wrong
    stands = np.where(is_wrong.any(axis=1), is_wrong.argmax(axis=1) + 1, window)
    error = 4 * stands.std() / np.sqrt(20_000) + 1e-9
    assert steps_per_sweep(window, wrong) == pytest.approx(stands.mean(), abs=error)
    if wrong > 0 and window > 1:
        found = share_predicted_wrong(window, steps_per_sweep(window, wrong))
        assert found == pytest.approx(wrong, rel=1e-6)


def seen(wrong, of_sweep, of_row, windows=(32, 128)):
    seconds = {w: of_sweep + w * of_row for w in windows}
    return Sweeps(windows[-1], steps_per_sweep(windows[-1], wrong), seconds)


@pytest.mark.parametrize(
    ("sweeps", "window"),
    [
        (None, 32),
        (seen(0.001, 1.0, 1.0, windows=(32,)), 128),
        # The second window is a trial too, which must not waste much.
        (seen(0.03, 1.0, 1.0, windows=(32,)), 16),
        (seen(0.5, 1.0, 1.0, windows=(32,)), 8),
        (seen(0.3, 0.0, 1.0), 8),  # rows cost all: none may be wasted
        (seen(0.001, 100.0, 1.0), 512),  # a batch costs much however small it is
        # 2.41 and 2.46 a step for 128 and 256, which no clock tells apart: fewer sweeps.
        (seen(0.005, 100.0, 1.0), 256),
        (seen(0.03, 20.0, 1.0), 32),  # 64 would cost 17 % more
        (seen(0.05, 100.0, 0.0), 16),  # rows that seem to cost nothing: not believed
        (seen(1.0, 1.0, 1.0), 8),
        (Sweeps(128, 100.0, {32: 2.0, 128: 1.0}), 256),  # a clock that was disturbed
        # The largest one was tried, too: a batch that leaves the caches, and one that does not.
        (Sweeps(512, 500.0, {32: 1.0, 128: 1.3, 512: 20.0}), 128),
        (Sweeps(512, 500.0, {32: 1.0, 128: 1.3, 512: 2.5}), 512),
        # The slope before 512 is steep, and still it is the cheapest: its own time counts.
        (Sweeps(512, 511.0, {32: 1.0, 128: 1.3, 512: 5.6}), 512),
    ],
)
def test_the_best_window(sweeps, window):
    assert best_window(sweeps) == window
