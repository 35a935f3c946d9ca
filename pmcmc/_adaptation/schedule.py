"""The windows of a warm-up; tuning happens only between them."""

from typing import NamedTuple

import numpy as np

from pmcmc._adaptation.criteria.base import Acts

# Shares of the warm-up, in Stan's pattern: a fast phase, slow phases that grow, a fast phase. What
# takes many draws to estimate, such as a metric, changes only at the end of a slow phase.
_FAST_FIRST, _SLOW, _FAST_LAST = 0.05, (0.05, 0.10, 0.20, 0.40), 0.20
WINDOWS_OF_PHASE = 10
_FEWER_WINDOWS, _FEW_DIMENSIONS = 4, 12
_WINDOWS_OF_ONE_PHASE = 40


class Phase(NamedTuple):
    """A stretch of the warm-up.

    Args:
        windows: lengths of its windows, between which `AFTER_WINDOWS` criteria act.
        is_slow: whether `AFTER_SLOW_PHASES` criteria act at its end.
    """

    windows: list[int]
    is_slow: bool


def windows_before_another_kernel(dim: int) -> int:
    """Number of windows of a phase if the kernel is only on the way to another one.

    Its step size may be rough then. In many dimensions, a rough one does not get far enough.
    """
    return _FEWER_WINDOWS if dim <= _FEW_DIMENSIONS else WINDOWS_OF_PHASE


def phases(n_steps: int, acts: set[Acts], n_windows: int = WINDOWS_OF_PHASE) -> list[Phase]:
    """The phases of a warm-up of `n_steps`, for criteria with these `acts`.

    Args:
        n_steps: number of steps.
        acts: when the criteria act.
        n_windows: number of windows of each phase, if there are several phases.
    """
    if not acts:
        return [Phase([n_steps], False)]
    if Acts.AFTER_SLOW_PHASES not in acts:
        return [Phase(_growing(n_steps, _WINDOWS_OF_ONE_PHASE), False)]
    shares = [_FAST_FIRST, *_SLOW, _FAST_LAST]
    ends = np.round(np.cumsum(shares) * n_steps).astype(int)
    sizes = np.diff(ends, prepend=0).tolist()
    are_slow = [False, *[True] * len(_SLOW), False]
    return [
        Phase(_growing(size, n_windows), is_slow)
        for size, is_slow in zip(sizes, are_slow, strict=True)
        if size
    ]


def _growing(n_steps: int, n_windows: int) -> list[int]:
    """Lengths that grow linearly and add up to `n_steps`: short at first, precise later."""
    n_windows = min(n_windows, n_steps)
    ends = np.arange(1, n_windows + 1) * np.arange(2, n_windows + 2)
    ends = -(-ends * n_steps // ends[-1])  # rounded up, in integers
    return [size for size in np.diff(ends, prepend=0).tolist() if size > 0]
