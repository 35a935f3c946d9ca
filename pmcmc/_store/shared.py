"""A run on disk that several processes share."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from pmcmc._store.folder import Folder, Variable

_MOST_BYTES = 2_000  # of the message of an error


class SharedFolder(Folder):
    """A folder that all processes of `jax.distributed` see and only the first one writes."""

    @classmethod
    def create(
        cls, path: Any, attributes: Mapping[str, Any], records: Mapping[str, Any]
    ) -> "SharedFolder":
        _in_first(lambda: Folder.create(path, attributes, records))
        return cls(path)

    def put(self, name: str, tree: Any) -> None:
        if _is_first():
            super().put(name, tree)

    def drop(self, prefix: str) -> None:
        if _is_first():
            super().drop(prefix)

    def write(self, arrays: Mapping[Variable, np.ndarray], first_draw: int, chunk: int) -> None:
        if _is_first():
            super().write(arrays, first_draw, chunk)

    def consolidate(self) -> None:
        if _is_first():
            super().consolidate()

    @contextlib.contextmanager
    def reserved(self) -> Iterator[None]:
        reservation = super().reserved()
        with contextlib.ExitStack() as stack:
            _in_first(lambda: stack.enter_context(reservation))
            yield

    def wait(self) -> None:
        multihost_utils.sync_global_devices("pmcmc: a run on disk")


def _is_first() -> bool:
    return jax.process_index() == 0


def _in_first(act: Callable[[], Any]) -> None:
    """Let the first process act while the others wait.

    Raises:
        RuntimeError: it could not; the first process raises its own exception.
    """
    failure: BaseException | None = None
    if _is_first():
        try:
            act()
        except BaseException as error:
            failure = error
    words = "" if failure is None else f"{type(failure).__name__}: {failure}"
    data = np.frombuffer(words.encode()[:_MOST_BYTES].ljust(_MOST_BYTES, b"\0"), np.uint8)
    shared = np.asarray(multihost_utils.broadcast_one_to_all(data)).astype(np.uint8)
    words = shared.tobytes().rstrip(b"\0").decode(errors="ignore")
    if failure is not None:
        raise failure
    if words:
        raise RuntimeError(f"store cannot be used by the first process: {words}")
