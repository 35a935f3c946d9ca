"""Chains of every scale are judged by the size of their own moves."""

import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc


@pytest.mark.parametrize("scale", [1e-12, pytest.param(1e-6, marks=pytest.mark.slow), 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_and_large_scales_are_judged_by_their_own_size(dtype, scale):
    def logdensity(x):
        return -0.5 * jnp.sum((x / scale) ** 2)

    kernel = pmcmc.MALA(step_size=0.3 * scale**2)
    loop, quasi = (
        pmcmc.sample(logdensity, np.zeros(3, dtype), 500, kernel=kernel, solver=solver)
        for solver in ("sequential", "quasi")
    )
    assert loop.positions.std() > 0.5 * scale
    assert quasi.info.converged.all()
    np.testing.assert_array_equal(quasi.stats["is_accepted"], loop.stats["is_accepted"])
    np.testing.assert_allclose(quasi.positions, loop.positions, rtol=0, atol=1e-4 * scale)


@pytest.mark.parametrize("place", [10.0, 100.0])
def test_far_from_the_origin_residuals_are_judged_by_the_moves(place, float32):
    def logdensity(x):
        return -0.5 * jnp.sum(((x - place) / 1e-3) ** 2)

    x0 = np.full(3, place, np.float32)
    result = pmcmc.sample(logdensity, x0, 1000, kernel=pmcmc.MALA(step_size=3e-7), solver="quasi")
    assert result.info.converged.all()
    # Not 1e-5 * place, which would be 10 % and 100 % of the standard deviation.
    assert result.info.residual[0] <= 2.1 * np.spacing(np.float32(place)) + 1e-8


def test_coordinates_of_different_scale_are_judged_each_by_its_own():
    scale = np.array([1.0, 1e-7])

    def logdensity(x):
        return -0.5 * jnp.sum((x / jnp.asarray(scale)) ** 2)

    loop, quasi = (
        pmcmc.sample(
            logdensity, np.array([0.5, 0.0]), 300, kernel=pmcmc.MALA(step_size=1e-15), solver=solver
        )
        for solver in ("sequential", pmcmc.ParallelNewton(atol=1e-5, rtol=1e-5))
    )
    assert quasi.info.converged.all()
    difference = np.abs(loop.positions - quasi.positions).max(axis=(0, 1))
    assert difference[1] < 1e-2 * loop.positions[..., 1].std()
