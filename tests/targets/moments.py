"""Draws against the reference of their target."""

import arviz
import jax
import numpy as np


def check_moments(target, result, n_sigmas=4):
    """Means agree with the reference within its error and the chain's, and the chain's is small."""
    draws = jax.vmap(jax.vmap(target.constrain))(result.positions[:, 200:])
    draws = draws if isinstance(draws, dict) else {"x": draws}
    of = target.reference
    mean, sd, mcse_mean = (
        value if isinstance(value, dict) else {"x": value}
        for value in (of.mean, of.sd, of.mcse_mean)
    )
    for name, values in draws.items():
        numbers = np.asarray(values).reshape(*values.shape[:2], -1)
        flat_sd = np.ravel(sd[name])
        mcse = np.array([float(arviz.mcse(numbers[..., i])) for i in range(numbers.shape[-1])])
        allowed = n_sigmas * np.hypot(mcse, np.ravel(mcse_mean[name]))
        assert np.all(np.abs(numbers.mean(axis=(0, 1)) - np.ravel(mean[name])) < allowed), name
        assert np.all(mcse < 0.1 * flat_sd), name
        np.testing.assert_allclose(numbers.std(axis=(0, 1)), flat_sd, rtol=0.2, err_msg=name)
