"""Bayesian logistic regression on real data."""

import functools
from importlib import resources

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc.targets.base import Reference, Target


@functools.cache
def logistic_regression() -> Target:
    """Is a breast mass malignant? Logistic regression on 30 standardised features.

    A position holds 31 coefficients, the intercept first and then those of the features in the
    order of the data, all with a standard normal prior. Features have mean 0 and (population)
    standard deviation 1. Every call returns the same object, so that what has been compiled for
    its log density is found again.

    Data: 569 cases of the breast cancer Wisconsin (diagnostic) data set; source and licence are in
    the citation of the target.
    """
    table = _read("breast_cancer_wisconsin.csv")
    is_malignant, features = table[:, 0], table[:, 1:]
    standardised = (features - features.mean(axis=0)) / features.std(axis=0)
    # A case contributes log sigmoid(sign * logit). The sign is folded into its row.
    design = np.column_stack([np.ones(len(table)), standardised])
    signed_design = design * (2 * is_malignant - 1)[:, None]
    dim = design.shape[1]

    def logdensity(coefficients: jax.Array) -> jax.Array:
        rows = jnp.asarray(signed_design, coefficients.dtype)
        logits = jnp.matmul(rows, coefficients, precision=jax.lax.Precision.HIGHEST)
        return jnp.sum(jax.nn.log_sigmoid(logits)) - 0.5 * jnp.sum(coefficients**2)

    mean, sd, mcse_mean = _read("breast_cancer_wisconsin_reference.csv").T
    return Target(
        name="breast cancer logistic regression",
        logdensity=logdensity,
        dim=dim,
        initial_position=np.zeros(dim),
        reference=Reference(
            mean=mean,
            sd=sd,
            mcse_mean=mcse_mean,
            origin="NumPyro 0.22.0 NUTS in float64 (JAX 0.10.2): 4 chains of 25,000 draws after "
            "2,000 warm-up steps each; largest R-hat 1.0001, smallest bulk ESS 95,707",
        ),
        citation="Wolberg, W., Mangasarian, O., Street, N., & Street, W. (1993). Breast Cancer "
        "Wisconsin (Diagnostic). UCI Machine Learning Repository. doi:10.24432/C5DW2B. CC BY 4.0",
    )


def _read(name: str) -> np.ndarray:
    with resources.files("pmcmc.targets").joinpath("data", name).open() as file:
        return np.loadtxt(file, delimiter=",", skiprows=1)
