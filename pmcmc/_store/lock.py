"""A lock: only one process at a time takes steps of a run."""

import contextlib
import os
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def reserved(path: pathlib.Path) -> Iterator[None]:
    """While this is open, no other process can reserve the folder; a killed process releases it.

    If the operating system or the file system has no such locks, this does nothing.

    Raises:
        RuntimeError: another process has reserved it.
    """
    try:
        handle = _locked(path)
    except BlockingIOError as error:
        raise RuntimeError(
            f"store {str(path)!r} is in use: another call of sample or resume is writing to it. "
            f"Wait until it has ended, then write pmcmc.resume({str(path)!r}, logdensity)."
        ) from error
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _locked(path: pathlib.Path) -> int | None:
    """A handle of a folder that holds its lock; `None` if there are no locks.

    Raises:
        BlockingIOError: another handle holds it.
    """
    try:
        import fcntl
    except ImportError:  # on Windows
        return None
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError:  # some cluster file systems
        os.close(handle)
        return None
    return handle
