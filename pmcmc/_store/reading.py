"""Which part of an array on disk can be read."""

import pathlib
from typing import Any


def n_readable(array: Any, folder: pathlib.Path) -> int:
    """How many draws of a zarr array can be read before the first damaged or missing file."""
    chunk, n_draws = array.chunks[1], array.shape[1]
    for i, first in enumerate(range(0, n_draws, chunk)):
        key = array.metadata.encode_chunk_key((0, i, *[0] * (array.ndim - 2)))
        try:
            is_readable = (folder / key).is_file()
            array[:, first : min(first + chunk, n_draws)]
        except Exception:  # as in `Folder.get`
            is_readable = False
        if not is_readable:
            return first
    return int(n_draws)
