"""The pictures of the page, drawn without touching the user's figures."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from pmcmc.plots._style import COLORS

# Gray that is readable on white and on black.
_TEXT = "#777777"
_MOST_POINTS = 600  # of a trace
_BINS = 20
_LONGEST = 40  # characters of a title


def draws(series: Sequence[tuple[str, np.ndarray]]) -> bytes:
    """Traces and ranks of some numbers, a row each, as PNG.

    Args:
        series: name, and draws `(chain, draw)`.
    """
    figure, axes = _figure(len(series), 2, 1.7 * len(series))
    for (name, values), (left, right) in zip(series, axes, strict=True):
        every = max(1, values.shape[1] // _MOST_POINTS)
        ranks = values.ravel().argsort(kind="stable").argsort().reshape(values.shape)
        edges = np.linspace(0, values.size, _BINS + 1)
        for i, (row, ranked) in enumerate(zip(values, ranks, strict=True)):
            color = COLORS[i % len(COLORS)]
            shown = row[::every]
            left.plot(every * np.arange(len(shown)), shown, color=color, linewidth=0.6, alpha=0.8)
            right.stairs(np.histogram(ranked, edges)[0], edges, color=color)
        right.axhline(values.shape[1] / _BINS, color=_TEXT, linewidth=0.8, linestyle=":")
        right.set(ylim=(0, None), yticks=[])
        short = name if len(name) <= _LONGEST else name[: _LONGEST - 3] + "..."
        # The names are the user's: a dollar sign does not start a formula.
        left.set_ylabel(short, parse_math=False, rotation=0, ha="right", va="center")
    axes[0][0].set_title("draws, a color for each chain")
    axes[0][1].set_title("ranks: uniform if chains agree")
    axes[-1][0].set_xlabel("draw")
    return _png(figure)


def seconds(info: Any) -> bytes:
    """Where the time went, as PNG."""
    figure, axes = _figure(1, 1, 1.1)
    left = 0.0
    for part, color in zip(("compile", "setup", "warmup", "run"), COLORS, strict=True):
        width = getattr(info, f"seconds_{part}")
        label = {"setup": "set-up", "warmup": "warm-up"}.get(part, part)
        axes[0][0].barh(0, width, left=left, color=color, label=f"{label} {width:.2f} s")
        left += width
    axes[0][0].set(yticks=[], xlabel="seconds", xlim=(0, left or 1.0))
    axes[0][0].legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize=9)
    return _png(figure)


def _figure(n_rows: int, n_columns: int, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.6 + height), dpi=100, layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    for ax in axes.flat:
        ax.tick_params(colors=_TEXT, labelsize=8)
        for side, spine in ax.spines.items():
            spine.set_color(_TEXT)
            spine.set_visible(side in ("left", "bottom"))
        for words in (ax.title, ax.xaxis.label, ax.yaxis.label):
            words.set(color=_TEXT, fontsize=10)
    return figure, axes


def _png(figure: Any) -> bytes:
    for legend in (ax.get_legend() for ax in figure.axes):
        for words in legend.get_texts() if legend else ():
            words.set_color(_TEXT)
    file = io.BytesIO()
    figure.savefig(file, format="png", transparent=True)
    return file.getvalue()
