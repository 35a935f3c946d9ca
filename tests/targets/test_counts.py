"""The negative binomial distribution against SciPy's."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from pmcmc.targets.counts import negative_binomial_logdensity


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-3)])
def test_counts_have_their_probabilities_up_to_a_constant(dtype, tolerance):
    counts = np.array([0, 1, 3, 9, 10, 11, 40, 298, 1500])
    ours, textbook = [], []
    for overdispersion in (1e-4, 0.01, 0.1, 1.0, 100.0):
        for factor in (0.5, 1.3):
            means = factor * counts + 0.7
            arguments = jnp.asarray(means, dtype), jnp.asarray(overdispersion, dtype)
            ours.append(negative_binomial_logdensity(counts)(*arguments))
            size = 1 / overdispersion
            textbook.append(stats.nbinom.logpmf(counts, size, size / (size + means)).sum())
    np.testing.assert_allclose(np.diff(ours), np.diff(textbook), rtol=0, atol=tolerance)
