"""Calls a function at many positions at once, wherever an executor runs it."""

import collections
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from typing import Any

import jax
import numpy as np

from pmcmc._util.callbacks import ExplainedError
from pmcmc._util.checks import first_line

_REMEMBERED = 4096  # evaluations: chains ask for the same states again and again
_TRIES = 2


class Evaluator:
    """A function of a position, evaluated by workers, with a cache.

    Args:
        function: called with a position, in a worker.
        executor: `None` for our own processes, started on first use.
        n_workers: number of workers of the executor.
        timeout: seconds for one evaluation; `None` to wait for as long as it takes.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        executor: Executor | None,
        n_workers: int,
        timeout: float | None,
    ) -> None:
        self._function, self._executor = function, executor
        self._is_ours = executor is None
        self._n_workers, self._timeout = n_workers, timeout
        self._known: collections.OrderedDict[Hashable, Any] = collections.OrderedDict()
        self._lock = threading.Lock()
        self.n_evaluations = 0

    def __call__(self, keys: Sequence[Hashable], positions: Sequence[Any]) -> list[Any]:
        """Values of the function, in order.

        Args:
            keys: equal where positions are.
            positions: as the function takes them.

        Raises:
            ExplainedError: an evaluation failed twice; the message has its position.
        """
        missing = dict(zip(keys, positions, strict=True))
        with self._lock:  # calls from before an interrupt may still run
            found = {key: self._known[key] for key in missing if key in self._known}
        missing = {key: at for key, at in missing.items() if key not in found}
        for n_left in reversed(range(_TRIES)):
            results = self._tried(list(missing.values()))
            for (key, at), result in zip(list(missing.items()), results, strict=True):
                if not isinstance(result, Exception):
                    found[key] = result
                    del missing[key]
                elif not n_left:
                    raise ExplainedError(_message(result, at)) from result
        with self._lock:
            for key in keys:
                self._known[key] = found[key]
                self._known.move_to_end(key)
            while len(self._known) > max(_REMEMBERED, len(keys)):
                self._known.popitem(last=False)
        return [found[key] for key in keys]

    def _tried(self, positions: Sequence[Any]) -> list[Any]:
        """A result for each position, or the exception in its place."""
        if not positions:
            return []
        self.n_evaluations += len(positions)
        try:
            futures = [self._submit(position) for position in positions]
        except (BrokenExecutor, RuntimeError) as error:  # a worker died, or all were shut down
            self._replace_workers()
            return [error] * len(positions)
        until = None
        if self._timeout is not None:
            n_rounds = -(-len(positions) // self._n_workers)
            until = time.monotonic() + self._timeout * n_rounds
        results = [_outcome(future, until) for future in futures]
        if any(isinstance(x, BrokenExecutor | TimeoutError) for x in results):
            for future in futures:
                future.cancel()
            self._replace_workers()
        return results

    def _submit(self, position: Any) -> Future[Any]:
        if self._executor is None:
            self._executor = _processes(self._n_workers)
            weakref.finalize(self, _end, self._executor)
        return self._executor.submit(self._function, position)

    def _replace_workers(self) -> None:
        """Let the next call start new processes, if they are our own."""
        if self._is_ours and self._executor is not None:
            _end(self._executor)
            self._executor = None


def _outcome(future: Future[Any], until: float | None) -> Any:
    left = None if until is None else max(until - time.monotonic(), 0.0)
    try:
        return future.result(left)
    except (Exception, CancelledError) as error:
        return error


def _processes(n_workers: int) -> Executor:
    """Processes that also accept functions from notebooks, and are not forks of this one.

    Raises:
        ImportError: loky is not installed.
    """
    try:
        import loky
    except ImportError as error:
        raise ImportError(
            f"external() starts processes with loky, which is missing ({first_line(error)}): pip "
            "install 'pmcmc[external]', or write external(..., executor=...) with any executor of "
            "concurrent.futures."
        ) from error
    executor: Executor = loky.ProcessPoolExecutor(n_workers)
    return executor


def _end(executor: Any) -> None:
    executor.shutdown(wait=False, kill_workers=True)


def _message(error: Exception, position: Any) -> str:
    what = first_line(error)
    if isinstance(error, TimeoutError):
        what = "it took longer than the timeout"
    elif isinstance(error, BrokenExecutor):
        what = f"its worker died ({what})"
    numbers = jax.tree.map(lambda x: np.array2string(x, threshold=12), position)
    text = numbers if isinstance(numbers, str) else str(numbers).replace("'", "")
    return f"the external log density failed {_TRIES} times at {text}: {what}"
