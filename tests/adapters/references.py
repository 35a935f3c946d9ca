"""Posterior means of the test models by NumPyro's NUTS: `python -m tests.adapters.references`.

Writes `references.json` beside this file, with the step size and inverse mass matrix that NUTS
found, in the order of flat unconstrained positions. It needs some minutes;
names of models as arguments renew only theirs.
"""

import json
import sys
from importlib import metadata
from pathlib import Path

import arviz
import jax
import numpy as np
from numpyro.infer import MCMC, NUTS, init_to_median

from pmcmc.adapters.numpyro import from_state

from .models import MODELS

PATH = Path(__file__).with_name("references.json")
N_CHAINS, N_WARMUP, N_DRAWS = 4, 1_000, 4_000


def reference(name):
    model, args, kwargs, sites = MODELS[name]
    run = MCMC(
        NUTS(model, init_strategy=init_to_median, target_accept_prob=0.9),
        num_warmup=N_WARMUP,
        num_samples=N_DRAWS,
        num_chains=N_CHAINS,
        chain_method="vectorized",
        progress_bar=False,
    )
    run.run(jax.random.key(1), *args, **kwargs)
    samples = run.get_samples(group_by_chain=True)
    draws = {site: np.asarray(samples[site]) for site in sites}
    data = arviz.from_dict(draws)
    mcse, r_hat = arviz.mcse(data), arviz.rhat(data)
    adapted = from_state(run.last_state)
    largest = max(float(r_hat[site].max()) for site in sites)
    print(f"{name}: largest R-hat {largest:.4f}, step size {adapted.step_size:.3f}", flush=True)
    return {
        "largest_r_hat": largest,
        "step_size": adapted.step_size,
        "inverse_mass_matrix": adapted.inverse_mass_matrix.tolist(),
        "mean": {site: draws[site].mean(axis=(0, 1)).tolist() for site in sites},
        "mcse": {site: mcse[site].values.tolist() for site in sites},
    }


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    versions = {name: metadata.version(name) for name in ("numpyro", "jax")}
    setting = {"n_chains": N_CHAINS, "n_warmup": N_WARMUP, "n_draws": N_DRAWS}
    models = json.loads(PATH.read_text())["models"] if PATH.exists() else {}
    models |= {name: reference(name) for name in sys.argv[1:] or MODELS}
    table = {"origin": versions | setting, "models": models}
    PATH.write_text(json.dumps(table, indent=1) + "\n")
