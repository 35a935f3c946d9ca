"""What the demonstration prints."""

import numpy as np

from pmcmc._demo.story import Story
from pmcmc._demo.ways import Run, Ways
from pmcmc.diagnostics._convergence import Convergence
from pmcmc.diagnostics._draws import as_dataset

_GOOD_R_HAT = 1.01  # Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021)
_N_ANSWERED = 2_000  # draws from which the answer is computed
# From benchmarks/results/slow-cpu.json, four chains: a test compares.
LOSS = ("eight_schools", 0.23)
HEAD = ("", "draws", "values", "gradients", "first draw", "last draw", "ESS", "ESS/s", "R-hat")
_WIDTHS = (14, 9, 9, 10, 11, 10, 8, 7, 7)


class Row:
    """The figures of a run.

    Args:
        story: the story that the run answers.
        run: the run of one way.
    """

    def __init__(self, story: Story, run: Run) -> None:
        self.run = run
        with np.errstate(all="ignore"):  # too few draws, or chains that stand still
            seen = Convergence.of(as_dataset("draws", {"x": run.draws}))
        self.ess = float(seen.bulk.min(initial=np.inf))
        self.rhat = float(seen.rhat.max(initial=0.0))
        answers = story.answer(positions_of(run))
        self.mean, self.sd = float(np.nanmean(answers)), float(np.nanstd(answers))

    @property
    def ess_per_second(self) -> float:
        """Smallest ESS of all quantities per second, with everything included."""
        return self.ess / self.run.seconds_to_last

    def __str__(self) -> str:
        run = self.run
        cells = (
            run.name,
            f"{run.draws.shape[0] * run.draws.shape[1]:,}",
            f"{run.values:,}",
            f"{run.gradients:,}",
            "" if run.seconds_to_first is None else f"{run.seconds_to_first:.1f} s",
            f"{run.seconds_to_last:.1f} s",
            f"{self.ess:,.0f}",
            f"{self.ess_per_second:,.0f}",
            f"{self.rhat:.3f}",
        )
        return f"{_aligned(cells)}   {self.mean:.5g} +- {self.sd:.2g}"


def positions_of(run: Run) -> np.ndarray:
    """Some of the draws of all chains, `(n, D)`."""
    flat = run.draws.reshape(-1, run.draws.shape[-1])
    return flat[:: max(1, len(flat) // _N_ANSWERED)]


def head(story: Story) -> str:
    """The first line of the table."""
    return f"{_aligned(HEAD)}   {story.column}"


def notes(rows: list[Row], ways: Ways) -> list[str]:
    """What the table does not show: the calls, the same decisions, a case where the loop wins."""
    by_name = {row.run.name: row.run for row in rows}
    lines = [f"{name:14} {run.call}" for name, run in by_name.items()]
    if {"loop", "speculation"} <= {*by_name}:
        lines += ["", *_of_the_walk(by_name["loop"], by_name["speculation"], ways)]
    lines.append(
        "ESS/s includes everything: compilation, warm-up and draws. Longer runs (--steps) spread "
        "the first two over more draws."
    )
    name, ratio = LOSS
    lines.append(
        f"Where the loop wins: on {name}, which is cheap to evaluate, speculation reached {ratio} "
        "of the loop's speed."
    )
    poor = [row.run.name for row in rows if row.rhat > _GOOD_R_HAT]
    if poor:
        lines.append(
            f"R-hat is above {_GOOD_R_HAT} ({', '.join(poor)}): raise --steps for reliable results."
        )
    return lines


def _of_the_walk(loop: Run, ahead: Run, ways: Ways) -> list[str]:
    assert loop.result is not None
    assert ahead.result is not None
    of_loop, of_ahead = (run.result.stats["is_accepted"] for run in (loop, ahead) if run.result)
    same = "The same" if np.array_equal(of_loop, of_ahead) else "DIFFERENT"
    info, n_steps = ahead.result.info, ways.n_steps
    first = (
        f"{same} decisions in all {of_loop.size:,} steps of the "
        f"walk: the loop took {n_steps:,} of them one after another, speculation "
        f"{info.sweeps.max():,} sweeps."
    )
    seconds = [1e6 * ways.seconds_per_step(run) for run in (loop, ahead)]
    gain = seconds[0] / seconds[1]
    words = f"{gain:.1f} times as fast" if gain >= 1 else f"{1 / gain:.1f} times slower"
    second = (
        f"Once compiled, a step of all chains takes the loop {seconds[0]:.0f} us and speculation "
        f"{seconds[1]:.0f} us: {words}."
    )
    return [
        first,
        second,
        f'For a walk of this length "auto" would choose {ways.plan(loop).reason}.',
    ]


def _aligned(cells: tuple[str, ...]) -> str:
    first, *rest = zip(cells, _WIDTHS, strict=True)
    return first[0].ljust(first[1]) + "".join(text.rjust(width) for text, width in rest)
