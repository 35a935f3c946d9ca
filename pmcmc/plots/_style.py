"""Axes and colours that all pictures share."""

from typing import Any

import numpy as np

# Of Okabe & Ito's colours, told apart by colour-blind eyes, those that stand out on white and on
# black alike (contrast of at least 3). Text and frames keep the user's style.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
GREY = "#808080"


def new_axes(ax: Any = None, n_rows: int = 1, n_columns: int = 1, **options: Any) -> Any:
    """The axes given, or new ones: a single one, or an array where there are to be several.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there are not as many axes as needed.
    """
    is_single = n_rows * n_columns == 1 and "squeeze" not in options
    if ax is not None:
        count = np.size(np.asarray(ax, object))
        if count != n_rows * n_columns:
            raise ValueError(
                f"axes must be {n_rows * n_columns}, got {count}: write axes=None for new ones."
            )
        return ax if is_single else np.ravel(np.asarray(ax, object))
    found = import_pyplot().subplots(n_rows, n_columns, layout="constrained", **options)[1]
    return found if is_single else np.ravel(found)


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
            f"chain must be from 0 to {n_chains - 1}, the chains of {argument}, got {chain!r}: "
            "write chain=0."
        )
