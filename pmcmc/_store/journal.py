"""Repeats an interrupted warm-up without computing anything twice.

A warm-up is a function of the segments that its runner returns. The journal stores them, and
returns them in the same order when the warm-up starts over.
"""

import time
from collections.abc import Iterator
from typing import Any

import jax

from pmcmc._chain.fitting import Fitting
from pmcmc._chain.segment import Segment
from pmcmc._store.folder import Folder
from pmcmc.kernels import Kernel

JOURNAL = "journal_"
_WRITE_SECONDS = 1.0  # least time between two files


class Journal:
    """Segments of a warm-up on disk, in the order of the requests for them.

    Args:
        folder: of the run.
        fitting: the fitting of a surrogate to evaluations of the steps, if there is one.
        device: device of the positions; `None` for JAX's default.
    """

    def __init__(self, folder: Folder, fitting: Fitting | None, device: Any) -> None:
        self._folder, self._fitting, self._device = folder, fitting, device
        self._n_files = 0
        self._entries: list[Any] = []  # of the file being read, or of the next one to write
        self._is_replayed = False
        self._next_write = 0.0

    def next(self, what: str, first_step: int) -> Segment | None:
        """The next stored segment; `None` after the last one.

        Args:
            what: the kind of request.
            first_step: number of its first step.
        """
        if not self._entries and not self._is_replayed:
            self._entries = self._folder.get(self._name) or []
            self._n_files += bool(self._entries)
            self._is_replayed = not self._entries
        if self._is_replayed:
            return None
        of, segment = self._entries.pop(0)
        assert of == (what, first_step), "a warm-up is a function of its segments"
        if self._fitting is not None:
            self._fitting.add(segment, None)
        return segment._replace(last=jax.device_put(segment.last, self._device))

    def add(self, what: str, first_step: int, segment: Segment) -> None:
        """Store a segment that was computed."""
        self._entries.append(((what, first_step), segment))
        if time.perf_counter() >= self._next_write:
            self._folder.put(self._name, self._entries)
            self._n_files += 1
            self._entries = []
            self._next_write = time.perf_counter() + _WRITE_SECONDS

    @property
    def _name(self) -> str:
        return f"{JOURNAL}{self._n_files:06}"


class JournaledRunner:
    """A runner with a journal; see `pmcmc._chain.runner.Runner`.

    Args:
        runner: the runner that takes the steps.
        journal: the journal of this warm-up.
    """

    def __init__(self, runner: Any, journal: Journal) -> None:
        self.runner, self._journal = runner, journal
        self.logdensity = runner.logdensity

    def adapt_to(self, kernel: Kernel) -> None:
        """Prepare for the metric of this kernel."""
        self.runner.adapt_to(kernel)

    def probe(
        self, kernel: Kernel, positions: jax.Array, rng_key: jax.Array, n_steps: int
    ) -> Segment:
        """Take steps that are not part of the chain."""
        segment = self._journal.next("probe", n_steps)
        if segment is None:
            segment = self.runner.probe(kernel, positions, rng_key, n_steps)
            self._journal.add("probe", n_steps, segment)
        return segment

    def run(
        self,
        kernel: Kernel,
        positions: jax.Array,
        rng_key: jax.Array,
        first_step: int,
        n_steps: int,
    ) -> Iterator[Segment]:
        """Take steps; stored ones come first."""
        end = first_step + n_steps
        while first_step < end:
            segment = self._journal.next("run", first_step)
            if segment is None:
                break
            first_step += segment.positions.shape[1]
            positions = segment.last
            yield segment
        n_left = end - first_step
        for segment in self.runner.run(kernel, positions, rng_key, first_step, n_left):
            self._journal.add("run", first_step, segment)
            first_step += segment.positions.shape[1]
            yield segment
