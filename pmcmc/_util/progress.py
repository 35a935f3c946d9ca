"""Progress of a run: a bar, or lines in a log."""

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

_LINE_SECONDS = 60.0  # between lines of a log
_BAR_SECONDS = 0.1  # between updates of a bar


class Progress:
    """A tqdm bar on a terminal or in a notebook; one line per minute elsewhere.

    Use as a context manager. If stderr is missing, closed or breaks during the run, nothing more is
    shown, and the run goes on: it outlives its terminal.

    Args:
        is_shown: `None` shows progress if stderr is a terminal.
        n_chains: number of chains, for the text.
    """

    def __init__(self, is_shown: bool | None, n_chains: int) -> None:
        is_terminal = _is_terminal()
        self._is_shown = is_terminal if is_shown is None else is_shown
        self._tqdm: Any = _tqdm() if self._is_shown and (is_terminal or _is_notebook()) else None
        self._chains = "1 chain" if n_chains == 1 else f"{n_chains} chains"
        self._n_chains = n_chains
        self._bar: Any = None
        self._started = time.monotonic()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        self._safely(self._close)

    def say(self, text: str) -> None:
        """Show what is being done, for work without steps to count."""
        if self._tqdm is not None:
            self._safely(lambda: self._open(f"{text} ...", 0, 0, "{desc}"))

    def count(
        self, what: str, total: int, done: int = 0, runner: Any = None
    ) -> Callable[[Any], None]:
        """A function to call with each segment of finished steps.

        Args:
            what: what these steps are, in words.
            total: number of steps in all.
            done: number of steps taken before.
            runner: the runner that takes the steps.
        """
        counts = _Counts(self._n_chains, runner)
        seconds = _LINE_SECONDS if self._tqdm is None else _BAR_SECONDS
        started, next_line = time.monotonic(), time.monotonic() + seconds

        def add(segment: Any) -> None:
            nonlocal done, next_line
            n_new = segment.positions.shape[1]
            done += n_new
            counts.add(segment)
            if self._tqdm is not None:
                self._bar.n = done
                if done >= total or time.monotonic() >= next_line:
                    next_line = time.monotonic() + _BAR_SECONDS
                    self._bar.set_postfix_str(str(counts))
            elif done >= total or time.monotonic() >= next_line:
                next_line = time.monotonic() + _LINE_SECONDS
                seconds = time.monotonic() - started
                left = seconds * (total - done) / max(counts.n_steps, 1)
                self._line(f"{what}: {done:,} of {total:,} steps, {counts}, {_time(left)} left")

        if self._tqdm is not None and done < total:
            self._safely(lambda: self._open(what, total, done, None))
        return lambda segment: self._safely(lambda: add(segment))

    def _open(self, text: str, total: int, done: int, bar_format: str | None) -> None:
        self._close()
        self._bar = self._tqdm(
            total=total,
            initial=done,
            desc=f"pmcmc: {self._chains}, {text}",
            unit=" steps",
            bar_format=bar_format,
            leave=False,
            position=0,  # otherwise it would be below broken bars
            file=sys.stderr,
        )

    def _close(self) -> None:
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()

    def _line(self, text: str) -> None:
        seconds = _time(time.monotonic() - self._started)
        sys.stderr.write(f"pmcmc: {self._chains}, {text} (after {seconds})\n")
        sys.stderr.flush()

    def _safely(self, show: Callable[[], None]) -> None:
        # Any exception: stderr may be None, closed, a broken pipe, or any object.
        if self._is_shown:
            try:
                show()
            except Exception:
                self._is_shown = False


class _Counts:
    """The costs of the steps of a stage so far, in words."""

    def __init__(self, n_chains: int, runner: Any) -> None:
        self._n_chains, self._runner = n_chains, runner
        self.n_steps = 0
        self._calls = 0.0
        self._accepted = self._sweeps = self._evaluations = 0

    def add(self, segment: Any) -> None:
        """Add a segment."""
        self.n_steps += segment.positions.shape[1]
        report = segment.report
        self._accepted += int(np.count_nonzero(segment.stats["is_accepted"]))
        self._calls += float(report.calls.sum())
        self._evaluations += int(report.evaluations.sum())
        self._sweeps += int(report.sweeps.sum())

    def __str__(self) -> str:
        n_moves = max(self.n_steps * self._n_chains, 1)
        words = [f"{self._accepted / n_moves:.0%} accepted"]
        words.append(f"{self._calls / n_moves:.2g} evaluations/step")
        if self._sweeps and self._runner is not None:
            of_sweep = (n_moves / self._sweeps, self._evaluations / self._sweeps)
            words.append(self._runner.solver.describe_sweeps(*of_sweep))
        return ", ".join(words)


def _time(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _tqdm() -> Any:
    """The tqdm bar for the current environment; `None` if tqdm is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about notebooks without widgets
            from tqdm.auto import tqdm
    except Exception:
        return None
    return tqdm


def _is_notebook() -> bool:
    shell = sys.modules.get("IPython")
    try:
        return shell is not None and "IPKernelApp" in shell.get_ipython().config
    except Exception:  # of another kind
        return False


def _is_terminal() -> bool:
    try:
        return bool(sys.stderr.isatty())
    except Exception:  # None, closed, or any object
        return False
