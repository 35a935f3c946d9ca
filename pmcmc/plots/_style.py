"""Axes and colours that all pictures share."""

from typing import Any

# Of Okabe & Ito's colours, told apart by colour-blind eyes, those that stand out on white and on
# black alike (contrast of at least 3). Text and frames keep the user's style.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
GREY = "#808080"


def new_axes(ax: Any = None, n_rows: int = 1, n_columns: int = 1, **options: Any) -> Any:
    """The axes given, or new ones: a single one, or an array where there are several.

    Raises:
        ImportError: matplotlib is not installed.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib: pip install 'pmcmc[plots]', or pip install matplotlib."
        ) from error
    return plt.subplots(n_rows, n_columns, layout="constrained", **options)[1]
