"""Calls in threads, with waits that Ctrl-C can interrupt."""

import contextvars
import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

_WAKE_SECONDS = 0.2  # on some systems Ctrl-C does not interrupt an endless wait


def n_cores() -> int:
    """How many threads of this process can run at once."""
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(calls: Sequence[Callable[[], Any]], n_threads: int) -> list[Any]:
    """Run calls, at most `n_threads` at once, and return their results in order.

    Each call sees the context variables of the caller. The first exception, in order of the calls,
    is raised once all earlier calls are done. An interrupt of this thread is raised at once. Calls
    that have not started by then never do; the others finish in the background.
    """
    waiting = iter(enumerate(calls))
    lock = threading.Lock()
    done: queue.SimpleQueue[tuple[int, Any, BaseException | None]] = queue.SimpleQueue()
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            with lock:
                index, call = next(waiting, (-1, None))
            if call is None:
                return
            try:
                done.put((index, call(), None))
            except BaseException as error:
                done.put((index, None, error))

    results: dict[int, Any] = {}
    failures: dict[int, BaseException] = {}
    try:
        for _ in range(min(n_threads, len(calls))):
            # A thread that outlives an interrupt must not keep the process alive.
            context = contextvars.copy_context()
            threading.Thread(target=context.run, args=(work,), daemon=True).start()
        while not all(i in results for i in range(min(failures, default=len(calls)))):
            try:
                index, result, error = done.get(timeout=_WAKE_SECONDS)
            except queue.Empty:
                continue
            if error is None:
                results[index] = result
            else:
                failures[index] = error
    finally:
        is_over.set()
    if failures:
        raise failures[min(failures)]
    return [results[i] for i in range(len(calls))]
