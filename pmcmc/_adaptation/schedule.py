"""The windows of a warm-up, in which nothing is tuned."""

from typing import NamedTuple

import numpy as np

from pmcmc._adaptation.criteria.base import Acts

# Shares of the warm-up: fast, slow and growing, fast (the pattern of Stan's), and the windows of
# each. What takes many draws to estimate, such as a metric, changes at the end of a slow phase.
_FAST_FIRST, _SLOW, _FAST_LAST = 0.05, (0.05, 0.10, 0.20, 0.40), 0.20
_WINDOWS_OF_PHASE = 10
_WINDOWS_OF_ONE_PHASE = 40


class Phase(NamedTuple):
    """A stretch of the warm-up.

    Args:
        windows: lengths of its windows; what acts after windows changes between them.
        is_slow: whether what acts after slow phases changes at its end.
    """

    windows: list[int]
    is_slow: bool


def phases(n_steps: int, acts: set[Acts]) -> list[Phase]:
    """The phases of a warm-up of `n_steps`, with criteria that act so."""
    if not acts:
        return [Phase([n_steps], False)]
    if Acts.AFTER_SLOW_PHASES not in acts:
        return [Phase(_growing(n_steps, _WINDOWS_OF_ONE_PHASE), False)]
    shares = [_FAST_FIRST, *_SLOW, _FAST_LAST]
    ends = np.round(np.cumsum(shares) * n_steps).astype(int)
    sizes = np.diff(ends, prepend=0).tolist()
    are_slow = [False, *[True] * len(_SLOW), False]
    return [
        Phase(_growing(size, _WINDOWS_OF_PHASE), is_slow)
        for size, is_slow in zip(sizes, are_slow, strict=True)
        if size
    ]


def _growing(n_steps: int, n_windows: int) -> list[int]:
    """Lengths that grow linearly and add up to `n_steps`: frequent at first, precise later."""
    n_windows = min(n_windows, n_steps)
    ends = np.arange(1, n_windows + 1) * np.arange(2, n_windows + 2)
    ends = -(-ends * n_steps // ends[-1])  # rounded up, in integers
    return [size for size in np.diff(ends, prepend=0).tolist() if size > 0]
