"""Chains of independent Gumbel variables, right and wrong, and exact draws."""

import jax.numpy as jnp
import numpy as np

import pmcmc
from pmcmc.kernels import MALA

N_STEPS = 4000
STEP_SIZE = 0.35


def skewed(x):
    """Two independent Gumbel variables, whose density falls off unevenly."""
    return jnp.sum(-x - jnp.exp(-x))


class Careless(MALA):
    """MALA whose acceptance ratio leaves out the density of the proposal."""

    def log_proposal_ratio(self, state, proposal, noise):
        return 0.0


def run(kernel=None, **options):
    kernel = MALA(STEP_SIZE) if kernel is None else kernel
    options = {"n_chains": 4, "solver": "sequential"} | options
    return pmcmc.sample(skewed, np.zeros((4, 2)), N_STEPS, kernel=kernel, **options)


def exact_draws(seed):
    return np.random.default_rng(seed).gumbel(size=(4, N_STEPS, 2))
