"""A run on disk that several processes share."""

import contextlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from pmcmc._store.folder import Folder, Variable


class SharedFolder(Folder):
    """A folder that all processes of `jax.distributed` see and only the first one writes."""

    @classmethod
    def create(
        cls, path: Any, attributes: Mapping[str, Any], records: Mapping[str, Any]
    ) -> "SharedFolder":
        if _is_first():
            super().create(path, attributes, records)
        _wait_for_all()
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

    def reserved(self) -> contextlib.AbstractContextManager[None]:
        return super().reserved() if _is_first() else contextlib.nullcontext()

    def wait(self) -> None:
        _wait_for_all()


def _is_first() -> bool:
    return jax.process_index() == 0


def _wait_for_all() -> None:
    multihost_utils.sync_global_devices("pmcmc: a run on disk")
