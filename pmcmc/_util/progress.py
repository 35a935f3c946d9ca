"""A line on the terminal that tells how far a run is."""

import sys
import time
from collections.abc import Callable
from types import TracebackType

_INTERVAL = 0.1  # seconds between two updates of the line


class Progress:
    """Rewrites one line of stderr; use as a context manager.

    Where stderr is missing, closed or breaks on the way there is no line from then on: a run
    outlives its terminal.

    Args:
        is_shown: `None` shows it where stderr is a terminal.
        n_chains: for the text.
    """

    def __init__(self, is_shown: bool | None, n_chains: int) -> None:
        self._is_shown = _is_terminal() if is_shown is None else is_shown
        self._chains = "1 chain" if n_chains == 1 else f"{n_chains} chains"
        self._width = 0
        self._start = time.perf_counter()
        self._next_update = 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._width and self._is_shown:
            self._write("\n")

    def say(self, text: str, *, now: bool = True) -> None:
        """Show `text`; unless `now`, only if the line has not changed for a moment."""
        elapsed = time.perf_counter() - self._start
        if not self._is_shown or (not now and elapsed < self._next_update):
            return
        line = f"pmcmc: {self._chains}, {text} ({elapsed:.1f} s)"
        self._write("\r" + line.ljust(self._width))
        self._width = max(self._width, len(line))
        self._next_update = elapsed + _INTERVAL

    def count(self, what: str, total: int, done: int = 0) -> Callable[[int], None]:
        """A function to call with the number of steps just finished; `done` were before."""

        def add(n_steps: int) -> None:
            nonlocal done
            done += n_steps
            self.say(f"{what}: {done:,} of {total:,} steps", now=done >= total)

        return add

    def _write(self, text: str) -> None:
        # Any exception: stderr may be None, closed, a broken pipe, or an object of anybody's.
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except Exception:
            self._is_shown = False


def _is_terminal() -> bool:
    try:
        return bool(sys.stderr.isatty())
    except Exception:  # as above
        return False
