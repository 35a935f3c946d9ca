"""Whether chains have forgotten their starts, and whether they reached the bulk of the target."""

import numpy as np
from scipy.special import ndtri

_LOST = 10.0  # standard deviations of the log density
_LEAST_DEVIATION = 0.7  # for a chain that hardly moved: that of a one-dimensional normal
_CLIMB = 2.5  # standard deviations from quarter to quarter; a steady climb has 3.5


def rhat(draws: np.ndarray) -> np.ndarray:
    """Rank-normalized split R-hat of each coordinate, ArviZ's method `"rank"`.

    It compares the spread between half chains with the spread within them, and is 1 if all halves
    look alike. Draws are replaced by normal scores of their ranks. The result is the larger R-hat
    of two: of these scores, and of the scores of the distances from the median, which detects
    halves that differ only in scale (Vehtari, Gelman, Simpson, Carpenter & Buerkner, 2021, section
    4). ArviZ returns none for a single chain; here its two halves are compared.

    Args:
        draws: shape `(chain, draw, D)`, at least 4 draws.

    Returns:
        Shape `(D,)`; infinite if draws are not finite, or if halves are constant but differ.
    """
    half = draws.shape[1] // 2
    halves = np.concatenate([draws[:, :half], draws[:, -half:]]).astype(float)
    return np.array([_of_coordinate(x) for x in np.moveaxis(halves, -1, 0)])


def lost_chains(logdensity: np.ndarray) -> np.ndarray:
    """Whether each chain is in a mode without mass, judged by the best chain.

    Args:
        logdensity: shape `(chain, step)`.

    Returns:
        Shape `(chain,)`, never all true.
    """
    means = logdensity.mean(axis=1)
    best = int(np.nanargmax(means)) if np.isfinite(means).any() else 0
    bound = means[best] - _LOST * np.fmax(logdensity[best].std(), _LEAST_DEVIATION)
    lost = ~(logdensity.max(axis=1) >= bound)
    lost[best] = False
    return lost


def is_climbing(logdensity: np.ndarray, dim: int) -> np.ndarray:
    """Whether the log density of each chain still rises by much more than it varies.

    Args:
        logdensity: shape `(chain, step)`.
        dim: numbers in a position; the log density of a normal varies by `sqrt(dim / 2)`.

    Returns:
        Shape `(chain,)`.
    """
    second_half = logdensity[:, logdensity.shape[1] // 2 :]
    quarter = -(-second_half.shape[1] // 2)
    before, last = second_half[:, :quarter], second_half[:, -quarter:]
    spread = np.fmax(last.std(axis=1), np.sqrt(dim / 2))
    return np.asarray(last.mean(axis=1) - before.mean(axis=1) > _CLIMB * spread)


def _of_coordinate(halves: np.ndarray) -> float:
    """R-hat of half chains, shape `(half chain, draw)`."""
    if not np.isfinite(halves).all():
        return float(np.inf)
    distances = np.abs(halves - np.median(halves))
    return max(_basic_rhat(_normal_scores(x)) for x in (halves, distances))


def _normal_scores(values: np.ndarray) -> np.ndarray:
    """Normal quantiles of the ranks, equal for equal values (equation 14 of the paper)."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return ndtri((ranks - 3 / 8) / (values.size + 1 / 4))[place].reshape(values.shape)


def _basic_rhat(halves: np.ndarray) -> float:
    """R-hat without ranks (Gelman et al., *Bayesian Data Analysis*, 2013, section 11.4)."""
    n_draws = halves.shape[1]
    within = halves.var(axis=1, ddof=1).mean()
    between = halves.mean(axis=1).var(ddof=1)
    if np.ptp(halves, axis=1).max() == 0:  # no variance within, apart from rounding
        return 1.0 if np.ptp(halves) == 0 else float(np.inf)
    return float(np.sqrt((n_draws - 1) / n_draws + between / within))
