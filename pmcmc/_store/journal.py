"""A warm-up that was interrupted, done again without computing anything twice.

What a warm-up does follows from the segments that its runner returns. They are written down, and
returned again in the same order to the warm-up that starts over.
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
_WRITE_SECONDS = 1.0  # at least, between two files


class Journal:
    """Segments of a warm-up on disk, in the order in which they were asked for.

    Args:
        folder: of the run.
        fitting: of a surrogate to what the steps evaluated, if there is one.
        device: where positions live, `None` for JAX's default.
    """

    def __init__(self, folder: Folder, fitting: Fitting | None, device: Any) -> None:
        self._folder, self._fitting, self._device = folder, fitting, device
        self._n_files = 0
        self._entries: list[Any] = []  # of the file that is being read, or is to be written
        self._is_replayed = False
        self._next_write = 0.0

    def next(self, what: str, first_step: int) -> Segment | None:
        """The next segment of those written down, `None` behind the last one.

        Args:
            what: what asks for it.
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
            self._fitting.add(segment, 0.0)  # of sweeps, which are not timed again
        return segment._replace(last=jax.device_put(segment.last, self._device))

    def add(self, what: str, first_step: int, segment: Segment) -> None:
        """Write down a segment that was computed."""
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
    """A runner of a warm-up, with a journal; see `pmcmc._chain.runner.Runner`.

    Args:
        runner: what takes the steps.
        journal: of this warm-up.
    """

    def __init__(self, runner: Any, journal: Journal) -> None:
        self.runner, self._journal = runner, journal
        self.logdensity = runner.logdensity

    def adapted_to(self, kernel: Kernel) -> "JournaledRunner":
        """Itself, with what suits the metric of this kernel."""
        self.runner = self.runner.adapted_to(kernel)
        return self

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
        """Take steps, those written down first."""
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
