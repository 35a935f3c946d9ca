"""Simulation-based calibration of `kernel="surrogate_hmc"`: `python -m benchmarks.calibration`.

Each fit draws parameters from the prior and data given the parameters, and runs the whole pipeline
on the data: random walk, surrogate fits, rounds, draws. If everything is correct, the rank of the
true parameter among thinned draws is uniform (Talts et al., 2018), and so is the rank of its log
density, which depends on the data (Modrak et al., 2023). The model is a stationary autoregression
with 60 observations, and proper priors for mean, correlation and scale. As a control, the same is
done with a posterior that is too wide, which the ranks have to reveal. The data are arguments of
the program, so all fits share it.
"""

import argparse
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

import pmcmc
from benchmarks._record import print_table, write
from pmcmc._chain.density import WithData

N_FITS, N_WARMUP, N_DRAWS, THIN = 320, 500, 99, 6
N_OBSERVATIONS, N_BINS = 60, 20
NAMES = ("mean", "correlation", "scale", "log density")
PRIOR_SCALE = np.array([1.0, 0.5, 0.5])  # of the mean, atanh(correlation), log(scale)
POWERS = {"surrogate_hmc": 1.0, "too wide, as a control": 0.7}  # powers of the posterior


def simulated(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Parameters `(3,)` from the prior, and data given them."""
    theta = PRIOR_SCALE * rng.normal(size=3)
    mean, correlation, scale = theta[0], np.tanh(theta[1]), np.exp(theta[2])
    y = np.empty(N_OBSERVATIONS)
    y[0] = mean + scale / np.sqrt(1 - correlation**2) * rng.normal()
    for t in range(1, N_OBSERVATIONS):
        y[t] = mean + correlation * (y[t - 1] - mean) + scale * rng.normal()
    return theta, y


def logdensity(theta: jax.Array, y: jax.Array, power: jax.Array) -> jax.Array:
    """Log density of the posterior, raised to a power."""
    correlation, log_scale = jnp.tanh(theta[1]), theta[2]
    offset = y - theta[0]
    start = log_scale - 0.5 * jnp.log1p(-(correlation**2))
    errors = jnp.concatenate([offset[:1], offset[1:] - correlation * offset[:-1]])
    log_scales = jnp.concatenate([start[None], jnp.full(len(y) - 1, log_scale)])
    likelihood = -jnp.sum(0.5 * (errors * jnp.exp(-log_scales)) ** 2 + log_scales)
    return power * (likelihood - 0.5 * jnp.sum((theta / PRIOR_SCALE) ** 2))


def ranks_of_fit(number: int, power: float) -> list[int]:
    """Ranks, from 0 to `N_DRAWS`, of the true parameters and of their log density."""
    theta, y = simulated(np.random.default_rng([17, number]))
    density = WithData(logdensity, (jnp.asarray(y), jnp.asarray(power)))
    run = pmcmc.sample(
        density, np.zeros(3), N_DRAWS * THIN, thin=THIN, kernel="surrogate_hmc",
        n_warmup=N_WARMUP, solver="sequential", rng_key=number,
    )  # fmt: skip
    of_parameters = np.sum(run.positions[0] < theta, axis=0)
    of_density = np.sum(run.stats["logdensity"][0] < float(density(jnp.asarray(theta))))
    return [*map(int, of_parameters), int(of_density)]


def evenness(ranks: np.ndarray) -> tuple[float, float]:
    """The p-values of uniform ranks, by a chi-squared test and a Kolmogorov-Smirnov test.

    Args:
        ranks: integers from 0 to `N_DRAWS`, shape `(fit,)`.
    """
    width = (N_DRAWS + 1) // N_BINS
    counts = np.bincount(ranks // width, minlength=N_BINS)
    by_bins = stats.chisquare(counts).pvalue
    # Treat ranks as continuous, at the middle of each step; with 100 steps this hardly matters.
    by_distance = stats.kstest((ranks + 0.5) / (N_DRAWS + 1), "uniform").pvalue
    return float(by_bins), float(by_distance)


def rows_of(ranks: dict[str, list[list[int]]]) -> list[dict[str, Any]]:
    """One row per posterior and quantity."""
    return [
        {
            "posterior": posterior,
            "quantity": name,
            "fits": len(of_fits),
            "p, 20 bins": evenness(np.array(of_fits)[:, i])[0],
            "p, Kolmogorov-Smirnov": evenness(np.array(of_fits)[:, i])[1],
        }
        for posterior, of_fits in ranks.items()
        for i, name in enumerate(NAMES)
    ]


def main() -> None:
    """Run all fits, write ranks and the table, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("--fits", type=int, default=N_FITS)
    parser.add_argument("--name", default="calibration", help="name of the results file")
    chosen = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    started, ranks = time.perf_counter(), {}
    for posterior, power in POWERS.items():
        ranks[posterior] = [ranks_of_fit(i, power) for i in range(chosen.fits)]
        print(posterior, time.perf_counter() - started, "s", file=sys.stderr, flush=True)
    rows = rows_of(ranks)
    write(chosen.name, table=rows, ranks=ranks)
    print_table(rows)


if __name__ == "__main__":
    main()
