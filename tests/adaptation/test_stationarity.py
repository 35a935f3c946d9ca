import arviz
import numpy as np
import pytest

from pmcmc._adaptation.stationarity import split_rhat


@pytest.mark.parametrize("n_chains", [1, 4])
@pytest.mark.parametrize("drift", [0.0, 2.0])
def test_split_rhat_is_arviz_s(n_chains, drift):
    draws = np.random.default_rng(0).normal(size=(n_chains, 200, 3))
    draws += drift * np.linspace(0, 1, 200)[:, None]
    halves = np.concatenate([draws[:, :100], draws[:, 100:]])  # ArviZ splits two chains or more
    for i, got in enumerate(split_rhat(draws)):
        expected = float(arviz.rhat(halves[..., i], method="identity"))
        assert got == pytest.approx(expected, rel=1e-10)
        assert (got > 1.1) == (drift > 0)


def test_what_does_not_move_or_is_not_finite():
    still = np.zeros((2, 10, 2))
    still[1, :, 1] = 1.0
    np.testing.assert_array_equal(split_rhat(still), [1.0, np.inf])
    assert np.isinf(split_rhat(np.full((1, 10, 1), np.nan))).all()
