"""Reference moments by NumPyro's NUTS: `python -m benchmarks.references german_credit ...`.

Writes `<name>_reference.csv` to the package's data, and prints the text for the target's
`reference.origin`. It needs NumPyro and takes minutes. If gradients are slow, the moments come from
importance sampling, which needs no gradients.
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
from benchmarks._importance import Moments, importance_moments

N_CHAINS, N_WARMUP = 4, 1_000
N_DRAWS = {"german_credit": 10_000, "eight_schools_gibbs": 25_000}
# Few parameters and many time steps: start with a dense metric, and differentiate in forward mode.
FORWARD = {"garch11", "local_linear_trend", "sir"}
BY_IMPORTANCE = {"seir_age_groups"}
OUT = Path(pmcmc.__file__).parent / "targets" / "data"


def mode(target: pmcmc.targets.Target) -> tuple[np.ndarray, np.ndarray]:
    """The mode, and the inverse Hessian there from quasi-Newton updates."""
    value = jax.jit(lambda x: -target.logdensity(x))
    slope = jax.jit(jax.jacfwd(lambda x: -target.logdensity(x)))
    found = optimize.minimize(value, target.initial_position, jac=slope, method="BFGS")
    return found.x, 0.5 * (found.hess_inv + found.hess_inv.T)


def nuts_moments(target: pmcmc.targets.Target, name: str) -> tuple[Moments, str]:
    """Moments by NumPyro's NUTS, and how they were computed."""
    n_draws = N_DRAWS.get(name, 5_000)
    center, spread, options = target.initial_position, 0.1 * np.eye(target.dim), {}
    if name in FORWARD:
        center, metric = mode(target)
        spread = np.linalg.cholesky(metric)
        options = dict(
            dense_mass=True, inverse_mass_matrix=metric, forward_mode_differentiation=True
        )
    run = MCMC(
        NUTS(potential_fn=lambda x: -target.logdensity(x), **options),
        num_warmup=N_WARMUP,
        num_samples=n_draws,
        num_chains=N_CHAINS,
        chain_method="sequential",
        progress_bar=False,
    )
    starts = center + np.random.default_rng(1).normal(size=(N_CHAINS, target.dim)) @ spread.T
    run.run(jax.random.key(0), init_params=starts)
    draws = jax.vmap(jax.vmap(target.constrain))(run.get_samples(group_by_chain=True))
    named = draws if isinstance(draws, dict) else {"": draws}
    data = arviz.from_dict({k: np.asarray(v) for k, v in named.items()})
    mcse, ess, r_hat = (f(data) for f in (arviz.mcse, arviz.ess, arviz.rhat))
    moments = {k: [v.mean((0, 1)), v.std((0, 1)), mcse[k].values] for k, v in named.items()}
    smallest = min(float(ess[k].min()) for k in named)
    largest = max(float(r_hat[k].max()) for k in named)
    return moments, (
        f"NumPyro {metadata.version('numpyro')} NUTS in float64 (JAX {jax.__version__}): "
        f"{N_CHAINS} chains of {n_draws:,} draws after {N_WARMUP:,} warm-up steps each; largest "
        f"R-hat {largest:.4f}, smallest bulk ESS {smallest:,.0f}"
    )


def compute(name: str) -> str:
    """Compute the moments of a target and write the table; returns their origin in words."""
    path = OUT / f"{name}_reference.csv"
    if not path.exists():
        path.write_text("mean,sd,mcse_mean\n")  # a target cannot be built without one
    target = getattr(pmcmc.targets, name)()
    if name in BY_IMPORTANCE:
        moments, origin = importance_moments(target, *mode(target))
    else:
        moments, origin = nuts_moments(target, name)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((["name"] if "" not in moments else []) + ["mean", "sd", "mcse_mean"])
        for key, columns in moments.items():
            for row in zip(*map(np.ravel, columns), strict=True):
                writer.writerow(([key] if key else []) + [f"{x:.6g}" for x in row])
    return origin


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    for argument in sys.argv[1:]:
        print(f"{argument}: {compute(argument)}", flush=True)
