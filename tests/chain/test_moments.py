"""Moments of a chain that is not kept, against those of one that is."""

import numpy as np
import pytest

from pmcmc._chain.moments import RunningMoments
from pmcmc._chain.segment import Segment


def added(rows, sizes):
    """Moments of rows `(chain, step, D)` that come in segments."""
    moments, first = RunningMoments.none(rows[:, 0]), 0
    for size in sizes:
        part = rows[:, first : first + size]
        stats = {"acceptance_rate": part[..., 0]}
        moments = moments.add(Segment(part, stats, part[:, -1], None))
        first += size
    assert first == rows.shape[1]
    return moments


def sizes_of(n, rng):
    sizes = []
    while sum(sizes) < n:
        sizes.append(min(int(rng.integers(1, 200)), n - sum(sizes)))
    return sizes


def test_statistics_of_float32_chains_are_summed_in_float64():
    rows = np.full((1, 200_000, 1), 1e4 + 1 / 3, np.float32)
    total = added(rows, [100_000, 100_000]).stats["acceptance_rate"]
    assert total[0] / 200_000 == rows[0, 0, 0]


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 1000, 4097])
def test_mean_variance_and_batches(n):
    rng = np.random.default_rng(n)
    rows = 1e6 + rng.normal(size=(2, n, 3)).cumsum(axis=1)
    running = added(rows, sizes_of(n, rng))
    size, n_batches = running.size, n // running.size
    assert n_batches < 64
    assert n < 64 or n_batches >= 32
    batches = rows[:, : n_batches * size].reshape(2, n_batches, size, 3).mean(axis=2)
    np.testing.assert_allclose(
        running.batches / size + running.center[:, None], batches, rtol=1e-13
    )
    moments = running.moments(lambda x: x)
    np.testing.assert_allclose(moments.mean, rows.mean(axis=1), rtol=1e-13)
    np.testing.assert_allclose(moments.stats["acceptance_rate"], rows[..., 0].mean(axis=1))
    if n > 1:
        np.testing.assert_allclose(moments.variance, rows.var(axis=1, ddof=1), rtol=1e-8)


def test_error_of_the_mean_of_an_autoregression():
    rng = np.random.default_rng(0)
    n, a = 40_000, 0.9
    rows = np.zeros((20, n, 1))
    noise = rng.normal(size=rows.shape)
    for t in range(1, n):
        rows[:, t] = a * rows[:, t - 1] + noise[:, t]
    moments = added(rows, [1000] * 40).moments(lambda x: x)
    exact = 1 / (1 - a) / np.sqrt(n)
    assert abs(np.mean(moments.mcse) / exact - 1) < 0.1
    assert abs(np.mean(moments.ess) / (n * (1 - a) / (1 + a)) - 1) < 0.25
    assert np.isnan(added(rows[:, :20], [20]).moments(lambda x: x).mcse).all()
