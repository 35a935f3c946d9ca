"""Simulates the data of `pmcmc.targets.seir_age_groups`: `python -m benchmarks.simulated_cases`."""

import csv
from pathlib import Path

import jax
import numpy as np

import pmcmc
from pmcmc.targets.seir_age_groups import constrain, expected_cases

SEED = 20264
OUT = Path(pmcmc.__file__).parent / "targets" / "data" / "seir_age_groups.csv"


def simulate() -> np.ndarray:
    """Weekly reported cases with all parameters at their prior medians, `(week, age group)`."""
    with jax.enable_x64(True):
        parameters = constrain(jax.numpy.zeros(12))
        means = np.asarray(expected_cases(parameters))
    rng = np.random.RandomState(SEED)  # the same numbers in every version of NumPy
    overdispersion = float(parameters["overdispersion"])
    return rng.poisson(rng.gamma(1 / overdispersion, overdispersion * means))


if __name__ == "__main__":
    with OUT.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        cases = simulate()
        writer.writerow([f"from_{5 * group}" for group in range(cases.shape[1])])
        writer.writerows(cases)
