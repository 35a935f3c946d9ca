"""Whether chains have forgotten where they came from, and whether they got to the mass."""

import numpy as np
from scipy.special import ndtri

_LOST = 10.0  # standard deviations of the log density, and
_LEAST_DEVIATION = 0.7  # that of a normal of one number, for a chain that hardly moved
_CLIMB = 2.5  # of them from quarter to quarter; in a steady climb it is 3.5


def rhat(draws: np.ndarray) -> np.ndarray:
    """Rank-normalized split R-hat of each coordinate, ArviZ's method `"rank"`.

    The spread between the halves of all chains beside the spread within them: 1 if no half can be
    told from the others. Draws are replaced by normal scores of their ranks, and the larger one is
    taken of the R-hat of the scores and of those of the distances from the median, so that halves
    that differ in scale only show too (Vehtari, Gelman, Simpson, Carpenter & Buerkner, 2021,
    section 4). ArviZ has none for one chain; here its halves are compared.

    Args:
        draws: shape `(chain, draw, D)`, at least 4 draws.

    Returns:
        Shape `(D,)`; infinite where draws are not finite, or where halves that do not move differ.
    """
    half = draws.shape[1] // 2
    halves = np.concatenate([draws[:, :half], draws[:, -half:]]).astype(float)
    return np.array([_of_coordinate(x) for x in np.moveaxis(halves, -1, 0)])


def lost_chains(logdensity: np.ndarray) -> np.ndarray:
    """Whether each chain is in a mode without mass, as far as the others tell.

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
    """Whether the log density of each chain is still rising, by much more than it varies.

    Args:
        logdensity: shape `(chain, step)`.
        dim: numbers in a position; that of a normal varies by `sqrt(dim / 2)`.

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
    if np.ptp(halves, axis=1).max() == 0:  # rounding aside, there is no variance within
        return 1.0 if np.ptp(halves) == 0 else float(np.inf)
    return float(np.sqrt((n_draws - 1) / n_draws + between / within))
