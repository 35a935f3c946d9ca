"""A model with a normal posterior, for tests of the drop-in `MCMC`."""

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist

from pmcmc.adapters.numpyro import MCMC

DATA = np.random.default_rng(0).normal(1.0, 1.0, size=(3, 8))
KEY = jax.random.key(0)
# The posterior of each group's mean is normal.
PRECISION = 1 + 8
MEAN = DATA.sum(axis=1) / PRECISION


def group_means(y):
    with numpyro.plate("group", 3):
        mu = numpyro.sample("mu", dist.Normal(0, 1))
        numpyro.deterministic("twice", 2 * mu)
    numpyro.sample("y", dist.Normal(mu[:, None], 1).to_event(2), obs=y)


def check_means(samples):
    """Within 4 standard errors, by the means of 20 batches of each chain."""
    batches = samples.reshape(len(samples) * 20, -1, 3).mean(axis=1)
    error = batches.std(axis=0, ddof=1) / np.sqrt(len(batches))
    assert (np.abs(batches.mean(axis=0) - MEAN) < 4 * error).all()
    spread = samples.std(axis=(0, 1)) * np.sqrt(PRECISION)
    np.testing.assert_allclose(spread, 1, atol=0.2)


def short(sampler, num_samples=12, **settings):
    """A drop-in of few steps."""
    settings = dict(num_warmup=10, progress_bar=False, solver="sequential") | settings
    return MCMC(sampler, num_samples=num_samples, **settings)
