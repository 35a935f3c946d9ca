"""Draws and checkpoints on their way to the disk."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._chain.draws import DrawnRows
from pmcmc._chain.evidence import Evidence
from pmcmc._chain.moments import RunningMoments
from pmcmc._store.folder import Folder, Variable
from pmcmc._util.arviz_compat import stat_name
from pmcmc._util.checks import first_line
from pmcmc._util.labels import Labels, named_leaves, variable_names

CHECKPOINT = "checkpoint_"
_COMMIT_SECONDS = 1.0  # least time between two commits


class Checkpoint(NamedTuple):
    """The progress of a run.

    Args:
        n_steps: number of steps taken.
        positions: shape `(chain, D)`.
        evidence: the solver's reports.
        moments: moments so far, if they are kept.
        seconds: computing time so far.
    """

    n_steps: int
    positions: Any
    evidence: Evidence
    moments: RunningMoments | None
    seconds: float


class _Pending(NamedTuple):
    """Draws that are not handed over yet, and the numbers of draws and steps before."""

    rows: list[DrawnRows]
    n_draws: int
    n_steps: int


class Storage:
    """Draws and checkpoints of a run, written in the background.

    Args:
        folder: folder of the run.
        chunk: number of draws per file.
        n_steps: number of steps stored already.
        thin: number of steps per draw.
    """

    def __init__(self, folder: Folder, chunk: int, n_steps: int, thin: int) -> None:
        self._folder, self._chunk, self._thin = folder, chunk, thin
        self._pending = _Pending([], n_steps // thin, n_steps)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="pmcmc-store")
        self._writing: Future[None] | None = None
        self.has_failed = False
        self._next_commit = time.perf_counter() + _COMMIT_SECONDS

    def append(self, rows: DrawnRows) -> None:
        """Add the next draws."""
        self._pending.rows.append(rows)

    @property
    def is_due(self) -> bool:
        """Whether it is time for a commit."""
        is_idle = self._writing is None or self._writing.done()
        return is_idle and time.perf_counter() >= self._next_commit

    def commit(self, at: Checkpoint) -> None:
        """Start to write the draws up to a checkpoint, and then the checkpoint.

        Raises:
            RuntimeError: an earlier write failed.
        """
        self._wait()
        rest, first, n_steps = self._pending
        n_draws = at.n_steps // self._thin
        if at.n_steps == n_steps:
            return
        table: DrawnRows | None = None
        if n_draws > first:
            n_new = n_draws - first
            rows = jax.tree.map(lambda *x: np.concatenate(x, axis=1), *rest)
            table = jax.tree.map(lambda x: x[:, :n_new], rows)
            rest = [jax.tree.map(lambda x: x[:, n_new:], rows)]
        # Ctrl-C may come between any two lines; then the same is written again.
        self._writing = self._worker.submit(self._write, table, first, at)
        self._pending = _Pending(rest, n_draws, at.n_steps)
        self._next_commit = time.perf_counter() + _COMMIT_SECONDS

    def close(self, at: Checkpoint) -> None:
        """Write the rest, up to a checkpoint.

        Raises:
            RuntimeError: it could not be written.
        """
        try:
            if not self.has_failed:  # what follows a gap cannot be used
                self.commit(at)
                self._wait()
        finally:
            self._worker.shutdown(wait=False)

    def _wait(self) -> None:
        """Wait until the write that was started is on disk.

        Raises:
            RuntimeError: it could not be written.
        """
        if self._writing is None:
            return
        try:
            self._writing.result()
        except Exception as error:
            self.has_failed = True
            path = str(self._folder.path)
            raise RuntimeError(
                f"store {path!r} could not be written ({first_line(error)}). Everything written "
                f"before is still there: free some space, and continue with pmcmc.resume({path!r}, "
                "logdensity)."
            ) from error
        self._writing = None  # not before its outcome is known: Ctrl-C may end the wait

    def _write(self, table: DrawnRows | None, first: int, at: Checkpoint) -> None:
        if table is not None:
            self._folder.write(variables_of(*table), first, self._chunk)
        positions, evidence = np.asarray(at.positions), at.evidence._replace(sweep_log=[])
        record = at._replace(positions=positions, evidence=evidence)
        self._folder.put(f"{CHECKPOINT}{at.n_steps:012}", record)
        self._prune(at.n_steps)

    def _prune(self, n_steps: int) -> None:
        """Drop old checkpoints, but keep one per file of draws in case later files get damaged."""
        names = self._folder.names(CHECKPOINT)
        for name in names[:-2]:
            file = int(name.removeprefix(CHECKPOINT)) // self._thin // self._chunk
            if file == n_steps // self._thin // self._chunk:
                self._folder.drop(name)


def variables_of(positions: Any, stats: dict[str, np.ndarray]) -> dict[Variable, np.ndarray]:
    """The arrays of draws by their place on disk, under ArviZ's names."""
    leaves = named_leaves(positions)
    names = variable_names(leaves)
    labels = Labels(names, None)
    arrays: dict[Variable, np.ndarray] = {}
    for name, leaf in leaves.items():
        dims = labels.of(names[name], np.shape(leaf)[2:], ())
        arrays[Variable("posterior", names[name], ("chain", "draw", *dims))] = leaf
    for name, leaf in stats.items():
        arrays[Variable("sample_stats", stat_name(name), ("chain", "draw"))] = leaf
    return arrays
