"""Axes and colors that all pictures share."""

from typing import Any

import numpy as np

from pmcmc._util.checks import short

# Of Okabe & Ito's colors, told apart by color-blind eyes, those that stand out on white and on
# black alike (contrast of at least 3). Text and frames keep the user's style.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
GREY = "#808080"


def as_ax(ax: Any, **options: Any) -> Any:
    """The axes given, or new ones.

    Raises:
        ImportError: matplotlib is not installed.
    """
    return import_pyplot().subplots(layout="constrained", **options)[1] if ax is None else ax


def as_axes(axes: Any, n_rows: int, n_columns: int, **options: Any) -> np.ndarray:
    """An array of the axes given, or of new ones.

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
    """The module of matplotlib.

    Raises:
        ImportError: there is none.
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
