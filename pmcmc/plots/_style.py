"""Axes and colors that all plots share."""

from typing import Any

import numpy as np

from pmcmc._util.checks import short

# Okabe & Ito's colors are distinct for color-blind readers. These have a contrast of at least 3 on
# both white and black. Text and frames keep the user's style.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
GREY = "#808080"


def as_ax(ax: Any, **options: Any) -> Any:
    """The given axes, or new ones.

    Raises:
        ImportError: matplotlib is not installed.
    """
    return import_pyplot().subplots(layout="constrained", **options)[1] if ax is None else ax


def as_axes(axes: Any, n_rows: int, n_columns: int, **options: Any) -> np.ndarray:
    """An array of the given axes, or of new ones.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there are not as many as needed.
    """
    if axes is None:
        options = {"layout": "constrained", "squeeze": False, **options}
        axes = import_pyplot().subplots(n_rows, n_columns, **options)[1]
    axes = np.ravel(np.asarray(axes, object))
    if len(axes) != n_rows * n_columns:
        raise ValueError(
            f"axes must be {n_rows * n_columns}, got {len(axes)}: write axes=None for new ones."
        )
    return axes


def import_pyplot() -> Any:
    """Import `matplotlib.pyplot`.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib: pip install 'pmcmc[plots]', or pip install matplotlib."
        ) from error
    return pyplot


def check_chain(chain: int, n_chains: int, argument: str) -> None:
    """Raise unless there is such a chain."""
    if not 0 <= chain < n_chains:
        raise ValueError(
            f"chain must be from 0 to {n_chains - 1}, the chains of {argument}, got "
            f"{short(chain)}: write chain=0."
        )
