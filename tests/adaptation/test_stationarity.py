import arviz
import numpy as np
import pytest

from pmcmc._adaptation.stationarity import rhat


@pytest.mark.parametrize(("drift", "growth"), [(0.0, 0.0), (2.0, 0.0), (0.0, 3.0)])
def test_rhat_is_arviz_s(drift, growth):
    time = np.linspace(0, 1, 200)[:, None]
    draws = np.random.default_rng(0).normal(size=(4, 200, 3)) * (1 + growth * time) + drift * time
    for i, got in enumerate(rhat(draws)):
        assert got == pytest.approx(float(arviz.rhat(draws[..., i], method="rank")), rel=1e-10)
        assert (got > 1.05) == (drift + growth > 0)


def test_of_one_chain_the_halves_are_compared():
    time = np.linspace(0, 1, 200)[:, None]
    draws = np.random.default_rng(0).normal(size=(1, 200, 1))
    assert rhat(draws)[0] < 1.05 < rhat(draws + 2 * time)[0]


def test_ties_share_their_rank():
    draws = np.random.default_rng(1).integers(0, 3, size=(4, 100, 1)).astype(float)
    expected = float(arviz.rhat(draws[..., 0], method="rank"))
    assert rhat(draws)[0] == pytest.approx(expected, rel=1e-10)


def test_what_does_not_move_or_is_not_finite():
    still = np.zeros((2, 10, 2))
    still[1, :, 1] = 1.0
    np.testing.assert_array_equal(rhat(still), [1.0, np.inf])
    assert np.isinf(rhat(np.full((1, 10, 1), np.nan))).all()
