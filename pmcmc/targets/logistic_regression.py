"""Bayesian logistic regression with real data."""

import numpy as np

from pmcmc.targets.base import Target, make_once
from pmcmc.targets.logistic import logistic_logdensity, standardize
from pmcmc.targets.tables import read_numbers, read_reference


@make_once
def logistic_regression() -> Target:
    """Is a breast mass malignant? Logistic regression on 30 standardized features.

    A position holds 31 coefficients, first the intercept and then those of the features in the
    order of the data, all with a standard normal prior. Features have mean 0 and (population)
    standard deviation 1. Every call returns the same object, so the compiled code of its log
    density is reused.

    Data: 569 cases of the breast cancer Wisconsin (diagnostic) data set; source and license are in
    the citation of the target.
    """
    table = read_numbers("breast_cancer_wisconsin.csv")
    logdensity, dim = logistic_logdensity(standardize(table[:, 1:]), table[:, 0])
    return Target(
        name="breast cancer logistic regression",
        logdensity=logdensity,
        dim=dim,
        initial_position=np.zeros(dim),
        reference=read_reference(
            "breast_cancer_wisconsin_reference.csv",
            "NumPyro 0.22.0 NUTS in float64 (JAX 0.10.2): 4 chains of 25,000 draws after 2,000 "
            "warm-up steps each; largest R-hat 1.0001, smallest bulk ESS 95,707",
        ),
        citation="Wolberg, W., Mangasarian, O., Street, N., & Street, W. (1993). Breast Cancer "
        "Wisconsin (Diagnostic). UCI Machine Learning Repository. doi:10.24432/C5DW2B. CC BY 4.0",
    )
