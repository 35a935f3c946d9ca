"""Logistic regression of credit risk with real data."""

import numpy as np

from pmcmc.targets.base import Target, make_once
from pmcmc.targets.logistic import logistic_logdensity, standardize
from pmcmc.targets.tables import read_reference, read_rows


@make_once
def german_credit() -> Target:
    """Is a credit a bad risk? Logistic regression on 19 attributes of 1,000 applicants.

    A position holds 46 coefficients, all with a standard normal prior: the intercept, those of the
    7 numerical attributes (standardized), and those of the indicators of all levels but the first
    of the 13 categorical ones.
    """
    rows = read_rows("german_credit.csv")
    numerical, indicators = [], []
    for name in list(rows[0])[1:]:
        texts = [row[name] for row in rows]
        if not texts[0].startswith("A"):
            numerical.append([float(text) for text in texts])
            continue
        # Codes of levels end in numbers that count them: A11, A12, ..., A410.
        levels = sorted(set(texts), key=lambda text: (len(text), text))
        indicators += [[float(text == level) for text in texts] for level in levels[1:]]
    features = np.column_stack([standardize(np.array(numerical).T), np.array(indicators).T])
    logdensity, dim = logistic_logdensity(features, np.array([float(row["bad"]) for row in rows]))
    return Target(
        name="German credit logistic regression",
        logdensity=logdensity,
        dim=dim,
        initial_position=np.zeros(dim),
        reference=read_reference(
            "german_credit_reference.csv",
            "NumPyro 0.22.0 NUTS in float64 (JAX 0.10.2): 4 chains of 10,000 "
            "draws after 1,000 warm-up steps each; largest R-hat 1.0005, smallest bulk ESS 16,655",
        ),
        citation="Hofmann, H. (1994). Statlog (German Credit Data). UCI Machine Learning "
        "Repository. doi:10.24432/C5NC77. CC BY 4.0",
    )
