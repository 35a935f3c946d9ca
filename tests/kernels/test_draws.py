"""The random numbers of a step have the distributions that they should."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from pmcmc.kernels.draws import normals_and_uniforms


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distributions(dtype):
    keys = jax.random.split(jax.random.key(0), 40_000)
    draw = jax.jit(jax.vmap(lambda key: normals_and_uniforms(key, 3, 2, dtype)))
    normal, uniform = map(np.asarray, draw(keys))
    assert normal.dtype == uniform.dtype == dtype
    assert normal.shape == (40_000, 3)
    assert uniform.shape == (40_000, 2)
    assert uniform.min() > 0
    assert uniform.max() < 1
    assert np.isfinite(normal).all()
    together = np.concatenate([normal, uniform], axis=1).astype(float)
    for column, cdf in zip(together.T, [stats.norm.cdf] * 3 + [stats.uniform.cdf] * 2, strict=True):
        assert stats.kstest(column, cdf).pvalue > 1e-3
    correlations = np.corrcoef(together.T)[np.triu_indices(5, 1)]
    assert np.abs(correlations).max() < 4 / np.sqrt(len(keys))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_ends_of_the_range_are_finite(dtype, monkeypatch):
    # The generator fills the mantissa of a number between 1 and 2, and then shifts and scales.
    largest = dtype(1 - 2 * np.finfo(dtype).eps)
    for choose in (lambda low: low, lambda _: largest):
        monkeypatch.setattr(
            jax.random,
            "uniform",
            lambda _, shape, dtype, low, __, choose=choose: jnp.full(shape, choose(low), dtype),
        )
        (normal,), (uniform,) = normals_and_uniforms(jax.random.key(0), 1, 1, dtype)
        assert np.isfinite(normal)
        assert 0 < uniform < 1
