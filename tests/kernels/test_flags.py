"""Every kernel by the loop, under the flags of JAX that make it strict."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

from ..helpers.kernels import KERNELS

FLAGS = {
    "strict promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "checks": lambda: jax.enable_checks(True),
    "key reuse": lambda: jax.debug_key_reuse(True),
}
START = np.array([0.4, -0.3, 0.8, 0.2])


def logdensity(x):
    return -0.5 * jnp.sum(x**2)


def draws(kernel, dtype):
    choices = dict(kernel=kernel, solver="sequential", n_warmup=3)
    return pmcmc.sample(logdensity, START.astype(dtype), 5, **choices).positions


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("x64", [True, False])
def test_kernels_sample_under_strict_promotion(name, x64):
    with jax.enable_x64(x64), jax.numpy_dtype_promotion("strict"):
        for dtype in (np.float64, np.float32) if x64 else (np.float32,):
            positions = draws(KERNELS[name][0], dtype)
            assert positions.dtype == dtype
            assert np.isfinite(positions).all()


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("name", ["mala", "hmc", "random_walk", "barker"])
def test_flags_do_not_change_the_chain(name, flag):
    def run():
        choices = dict(kernel=name, solver="sequential", n_warmup=60)
        return pmcmc.sample(logdensity, START, 5, **choices).positions

    expected = run()
    with FLAGS[flag]():
        np.testing.assert_array_equal(run(), expected)


@pytest.mark.parametrize("flag", FLAGS)
def test_a_burn_in_runs_under_flags(flag):
    with FLAGS[flag]():
        ready = pmcmc.burn_in(
            logdensity, np.stack([START, -START]), n_steps=40, max_rounds=1, n_chains=2,
            solver="sequential", init_to_mode=True,
        )  # fmt: skip
    assert np.isfinite(ready.position).all()
