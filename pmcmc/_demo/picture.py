"""The picture of the demonstration."""

from pathlib import Path
from typing import Any

from pmcmc._demo.story import Story
from pmcmc._demo.table import Row, positions_of
from pmcmc.plots._style import COLORS, import_pyplot

# Gray that is readable on white and on black (contrast of at least 4).
_TEXT = "#777777"
_PARTS = ((0.35, "compilation, warm-up"), (1.0, "draws"), (0.65, "all in one call"))
_COLORED = ("text.color", "axes.labelcolor", "axes.titlecolor", "axes.edgecolor")
_STYLE: dict[str, Any] = {
    **dict.fromkeys((*_COLORED, "xtick.color", "ytick.color"), _TEXT),
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.framealpha": 0,
}


def draw(story: Story, rows: list[Row], path: Path) -> None:
    """Write the answer and the time line of all ways, on a transparent background.

    Raises:
        ImportError: matplotlib is not installed.
    """
    pyplot = import_pyplot()
    with pyplot.rc_context(_STYLE):
        figure = pyplot.figure(figsize=(11, 4.2), dpi=150, layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(5, 4))
        story.draw(left, positions_of(max(rows, key=lambda row: row.ess).run))
        _time_line(right, rows)
        figure.savefig(path, transparent=True)
        pyplot.close(figure)


def _time_line(ax: Any, rows: list[Row]) -> None:
    for i, row in enumerate(rows):
        first, last = row.run.seconds_to_first, row.run.seconds_to_last
        ax.text(last, i, f" {row.ess_per_second:,.0f} ESS/s", va="center")
        parts = ((0.35, first, 0.0), (1.0, last - first, first)) if first else ((0.65, last, 0.0),)
        for alpha, width, left in parts:
            ax.barh(i, width, left=left, height=0.55, color=COLORS[0], alpha=alpha, linewidth=0)
    ax.set_yticks(range(len(rows)), [row.run.name for row in rows])
    ax.invert_yaxis()
    longest = max(row.run.seconds_to_last for row in rows)
    ax.set(
        xlabel="seconds", xlim=(0, 1.3 * longest), title="Seconds to the first and to the last draw"
    )
    for alpha, words in _PARTS:
        ax.bar(0, 0, color=COLORS[0], alpha=alpha, linewidth=0, label=words)
    ax.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.4, -0.16), fontsize=9)
