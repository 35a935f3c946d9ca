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
_COMMIT_SECONDS = 1.0  # at least, between two commits


class Checkpoint(NamedTuple):
    """Where a run is.

    Args:
        n_steps: behind it.
        positions: shape `(chain, D)`.
        evidence: of the solver.
        moments: where these are kept.
        seconds: of computing.
    """

    n_steps: int
    positions: Any
    evidence: Evidence
    moments: RunningMoments | None
    seconds: float


class _Pending(NamedTuple):
    """Draws that are not handed over yet, and how many draws and steps have been."""

    rows: list[DrawnRows]
    n_draws: int
    n_steps: int


class Storage:
    """Draws and checkpoints of a run, written in the background.

    Args:
        folder: of the run.
        chunk: draws in a file.
        n_steps: that are there already.
        thin: steps for one draw.
    """

    def __init__(self, folder: Folder, chunk: int, n_steps: int, thin: int) -> None:
        self._folder, self._chunk, self._thin = folder, chunk, thin
        self._pending = _Pending([], n_steps // thin, n_steps)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="pmcmc-store")
        self._writing: Future[None] | None = None
        self._next_commit = time.perf_counter() + _COMMIT_SECONDS

    def append(self, rows: DrawnRows) -> None:
        """Take over the next draws."""
        self._pending.rows.append(rows)

    @property
    def is_due(self) -> bool:
        """Whether there is time for a commit."""
        is_idle = self._writing is None or self._writing.done()
        return is_idle and time.perf_counter() >= self._next_commit

    def commit(self, at: Checkpoint) -> None:
        """Begin to write draws up to a checkpoint, and then the checkpoint.

        Raises:
            RuntimeError: what was to be written before could not be.
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
        # Ctrl-C may come between any two lines: then the same is written once more.
        self._writing = self._worker.submit(self._write, table, first, at)
        self._pending = _Pending(rest, n_draws, at.n_steps)
        self._next_commit = time.perf_counter() + _COMMIT_SECONDS

    def close(self, at: Checkpoint) -> None:
        """Write the rest, up to a checkpoint.

        Raises:
            RuntimeError: it could not be written.
        """
        try:
            self.commit(at)
            self._wait()
        finally:
            self._worker.shutdown(wait=False)

    def _wait(self) -> None:
        """Until what was begun is on disk.

        Raises:
            RuntimeError: it could not be written.
        """
        writing, self._writing = self._writing, None
        if writing is None:
            return
        try:
            writing.result()
        except Exception as error:
            path = str(self._folder.path)
            raise RuntimeError(
                f"store {path!r} could not be written ({first_line(error)}). Everything written "
                f"before is still there: free some space, and continue with pmcmc.resume({path!r}, "
                "logdensity)."
            ) from error

    def _write(self, table: DrawnRows | None, first: int, at: Checkpoint) -> None:
        if table is not None:
            self._folder.write(variables_of(*table), first, self._chunk)
        positions, evidence = np.asarray(at.positions), at.evidence._replace(sweep_log=[])
        record = at._replace(positions=positions, evidence=evidence)
        self._folder.put(f"{CHECKPOINT}{at.n_steps:012}", record)
        self._prune(at.n_steps)

    def _prune(self, n_steps: int) -> None:
        """Drop old checkpoints; one stays for each file of draws, should later ones be damaged."""
        names = self._folder.names(CHECKPOINT)
        for name in names[:-2]:
            file = int(name.removeprefix(CHECKPOINT)) // self._thin // self._chunk
            if file == n_steps // self._thin // self._chunk:
                self._folder.drop(name)


def variables_of(positions: Any, stats: dict[str, np.ndarray]) -> dict[Variable, np.ndarray]:
    """The arrays of draws by where they are on disk, under ArviZ's names."""
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
