"""Taking the steps of a run, and keeping the draws."""

import time
from collections.abc import Callable

import numpy as np

from pmcmc._chain.draws import DrawnRows, Draws, Thinning
from pmcmc._chain.keep import keeper, no_rows
from pmcmc._chain.mesh import spans_processes
from pmcmc._chain.segment import Segment
from pmcmc._planning.task import Task
from pmcmc._running.request import Request
from pmcmc._running.start import Start
from pmcmc._store.record import Record
from pmcmc._store.storage import Checkpoint
from pmcmc._util.callers import warn_user

# The run may be written to disk after each part. A part evaluates its first state once more.
_PARTS, _LEAST_STEPS = 50, 64
_PART_SECONDS, _LEAST_SLOW_STEPS = 60.0, 16


class Steps:
    """Takes the steps of a run.

    Args:
        request: the arguments of the run.
        task: the same arguments, checked.
        start: where sampling starts.
        on_segment: called with each segment of steps.
    """

    def __init__(
        self, request: Request, task: Task, start: Start, on_segment: Callable[[Segment], None]
    ) -> None:
        self._request, self._task, self._start, self._on_segment = request, task, start, on_segment
        keep = keeper(request.keep, task.problem)
        self._thinning = Thinning(request.spacing, keep, start.at.n_steps)
        self.at = start.at

    def in_memory(self) -> DrawnRows:
        """Take all steps, and return the draws."""
        draws = Draws(self._request.n_steps // self._request.spacing)
        self._take(self._request.n_steps, draws.append)
        return draws.rows

    def on_disk(self, record: Record) -> DrawnRows:
        """Take all steps that are not in the record yet, store the draws, and return all draws.

        Ctrl-C ends the run early, with a warning.

        Raises:
            Exception: whatever ended the run, with a note about what is on disk.
        """
        request, n_steps = self._request, self._request.n_steps
        storage = record.storage(self.at.n_steps, request.spacing)

        def store(rows: DrawnRows) -> None:
            storage.append(rows)
            if storage.is_due:  # commits up to the previous segment
                storage.commit(self.at)

        try:
            while self.at.n_steps < n_steps:
                self._take(self._part(n_steps - self.at.n_steps), store)
        except KeyboardInterrupt:
            if self.at.n_steps < (request.spacing if self.at.moments is None else 1):
                raise  # there is nothing to return
            warn_user(f"stopped by Ctrl-C; {self._remark(record)}")
        except Exception as error:
            if not storage.has_failed:
                error.add_note(self._remark(record))
            raise
        finally:
            storage.close(self.at)
        record.folder.consolidate()
        record.folder.wait()
        like = no_rows(request.keep, self._task.problem)
        if self.at.moments is not None:
            empty = {name: np.empty((len(x), 0)) for name, x in self.at.moments.stats.items()}
            return like, empty
        return record.draws(like, self.at.n_steps // request.spacing)

    def _take(self, n_steps: int, store: Callable[[DrawnRows], None]) -> None:
        """Take this many steps, and pass the draws to `store` as they come."""
        runner, kernel, key = self._start.runner, self._start.kernel, self._task.rng_key
        started = time.perf_counter()
        for segment in runner.run(kernel, self.at.positions, key, self.at.n_steps, n_steps):
            rows = self._thinning.take(segment)
            store(rows)  # first: an interrupt may come between any two lines
            now = time.perf_counter()
            self.at, started = _after(self.at, segment, now - started), now
            self._on_segment(segment)

    def _part(self, n_left: int) -> int:
        """How many steps to take before checking the clock again."""
        n_new = self.at.n_steps - self._start.at.n_steps
        size = max(_LEAST_STEPS, self._request.n_steps // _PARTS)
        seconds = self.at.seconds - self._start.at.seconds
        if spans_processes(self._request.mesh):
            return min(size, n_left)  # their clocks would not agree
        # Halving: the clock rarely changes the size, so repeated runs agree to the last bit.
        while n_new and size > _LEAST_SLOW_STEPS and size * seconds / n_new > _PART_SECONDS:
            size //= 2
        return min(size, n_left)

    def _remark(self, record: Record) -> str:
        path = str(record.folder.path)
        there = f"{self.at.n_steps:,} of {self._request.n_steps:,} steps are"
        if spans_processes(self._request.mesh):  # the writing process may have stopped earlier
            there = "the part of the run that was written is"
        return f"{there} in {path!r}: pmcmc.resume({path!r}, logdensity) continues from there"


def _after(at: Checkpoint, segment: Segment, seconds: float) -> Checkpoint:
    """The checkpoint after one more segment."""
    return Checkpoint(
        at.n_steps + segment.positions.shape[1],
        segment.last,
        at.evidence.add(segment),
        None if at.moments is None else at.moments.add(segment),
        at.seconds + seconds,
    )
