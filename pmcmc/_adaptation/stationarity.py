"""Whether chains have forgotten where they came from."""

import numpy as np


def split_rhat(draws: np.ndarray) -> np.ndarray:
    """Split R-hat of each coordinate (Gelman et al., *Bayesian Data Analysis*, 2013, section 11.4).

    The spread between the halves of all chains beside the spread within them: 1 if no half can be
    told from the others.

    Args:
        draws: shape `(chain, draw, D)`, at least 4 draws.

    Returns:
        Shape `(D,)`; infinite where draws are not finite, or where halves that do not move differ.
    """
    half = draws.shape[1] // 2
    halves = np.concatenate([draws[:, :half], draws[:, -half:]]).astype(float)
    within = halves.var(axis=1, ddof=1).mean(axis=0)
    between = halves.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rhat = np.sqrt((half - 1) / half + between / within)
    rhat = np.where((within == 0) & (between == 0), 1.0, rhat)
    return np.where(np.isnan(rhat), np.inf, rhat)
