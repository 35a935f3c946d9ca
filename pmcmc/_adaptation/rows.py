"""Steps of a warm-up that are kept for estimates."""

import numpy as np

from pmcmc._chain.segment import Segment

Rows = dict[str, np.ndarray]  # arrays `(chain, step, ...)` by name


def rows_of(segment: Segment, names: tuple[str, ...], stride: int) -> Rows:
    """Every `stride`-th step of a segment: positions, and the named statistics.

    Statistics that the kernel does not report are left out.
    """
    stats = {name: segment.stats[name] for name in names if name in segment.stats}
    return {name: x[:, ::stride] for name, x in {"positions": segment.positions, **stats}.items()}


def joined(parts: list[Rows]) -> Rows:
    """The parts one after another."""
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}


def spaced(n: int, n_chosen: int) -> np.ndarray:
    """Indices of evenly spaced ones of `n` rows; some repeat if more are chosen than there are."""
    return np.linspace(0, n - 1, n_chosen).astype(int)
