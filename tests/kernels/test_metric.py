"""Draws of a metric: linear maps of standard draws, so their covariance is known exactly."""

import jax
import numpy as np
import pytest

from pmcmc.kernels import metric

from ..helpers.kernels import METRIC

D = len(METRIC)
CASES = {"identity": None, "diagonal": np.linspace(0.5, 3, D), "dense": METRIC}


@pytest.mark.parametrize("case", CASES)
def test_moves_have_the_inverse_mass_matrix_for_covariance_and_momenta_its_inverse(case):
    given = CASES[case]
    covariance = np.eye(D) if given is None else np.diag(given) if given.ndim == 1 else given

    def covariance_of(scale):
        linear = np.asarray(jax.vmap(scale, (None, 0), 1)(given, np.eye(D)))
        return linear @ linear.T

    of_moves, of_momenta = map(covariance_of, (metric.scale_move, metric.scale_momentum))
    np.testing.assert_allclose(of_moves, covariance, rtol=0, atol=1e-12)
    np.testing.assert_allclose(of_momenta @ covariance, np.eye(D), rtol=0, atol=1e-12)
