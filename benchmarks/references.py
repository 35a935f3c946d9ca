"""Reference moments by NumPyro's NUTS: `python -m benchmarks.references german_credit ...`.

Writes `<name>_reference.csv` beside the package's data, and prints what belongs into the target's
`reference.origin`. It needs NumPyro, and minutes.
"""

import csv
import sys
from importlib import metadata
from pathlib import Path

import arviz
import jax
import numpy as np
from numpyro.infer import MCMC, NUTS
from scipy import optimize

import pmcmc

N_CHAINS = 4
N_WARMUP = {"seir_age_groups": 400}  # from a good metric on
N_DRAWS = {"german_credit": 10_000, "eight_schools_gibbs": 25_000, "seir_age_groups": 600}
# Few parameters and many steps: dense metrics from the start, derivatives forward in time.
FORWARD = {"garch11", "local_linear_trend", "seir_age_groups", "sir"}
OUT = Path(pmcmc.__file__).parent / "targets" / "data"


def mode(target: pmcmc.targets.Target) -> tuple[np.ndarray, np.ndarray]:
    """Where the density is largest, and the inverse Hessian there by quasi-Newton updates."""
    value = jax.jit(lambda x: -target.logdensity(x))
    slope = jax.jit(jax.jacfwd(lambda x: -target.logdensity(x)))
    found = optimize.minimize(value, target.initial_position, jac=slope, method="BFGS")
    return found.x, 0.5 * (found.hess_inv + found.hess_inv.T)


def compute(name: str) -> str:
    """Sample the target and write the table; returns the origin."""
    path = OUT / f"{name}_reference.csv"
    if not path.exists():
        path.write_text("mean,sd,mcse_mean\n")  # a target cannot be built without one
    target = getattr(pmcmc.targets, name)()
    n_draws, n_warmup = N_DRAWS.get(name, 5_000), N_WARMUP.get(name, 1_000)
    center, options = target.initial_position, {}
    if name in FORWARD:
        center, metric = mode(target)
        options = dict(
            dense_mass=True, inverse_mass_matrix=metric, forward_mode_differentiation=True
        )
    nuts = NUTS(potential_fn=lambda x: -target.logdensity(x), **options)
    run = MCMC(
        nuts,
        num_warmup=n_warmup,
        num_samples=n_draws,
        num_chains=N_CHAINS,
        chain_method="sequential",
        progress_bar=False,
    )
    noise = np.random.default_rng(1).normal(size=(N_CHAINS, target.dim))
    spread = np.linalg.cholesky(metric) if name in FORWARD else 0.1 * np.eye(target.dim)
    starts = center + noise @ spread.T
    run.run(jax.random.key(0), init_params=starts)
    draws = jax.vmap(jax.vmap(target.constrain))(run.get_samples(group_by_chain=True))
    named = draws if isinstance(draws, dict) else {"": draws}
    data = arviz.from_dict({k: np.asarray(v) for k, v in named.items()})
    mcse, ess, r_hat = (f(data) for f in (arviz.mcse, arviz.ess, arviz.rhat))
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((["name"] if "" not in named else []) + ["mean", "sd", "mcse_mean"])
        for key, values in named.items():
            moments = (values.mean(axis=(0, 1)), values.std(axis=(0, 1)), mcse[key].values)
            for row in zip(*(np.ravel(m) for m in moments), strict=True):
                writer.writerow(([key] if key else []) + [f"{x:.6g}" for x in row])
    smallest = min(float(ess[k].min()) for k in named)
    largest = max(float(r_hat[k].max()) for k in named)
    return (
        f"NumPyro {metadata.version('numpyro')} NUTS in float64 (JAX {jax.__version__}): "
        f"{N_CHAINS} chains of {n_draws:,} draws after {n_warmup:,} warm-up steps each; largest "
        f"R-hat {largest:.4f}, smallest bulk ESS {smallest:,.0f}"
    )


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    for argument in sys.argv[1:]:
        print(f"{argument}: {compute(argument)}", flush=True)
