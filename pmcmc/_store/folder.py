"""A run on disk, in a zarr hierarchy that xarray and ArviZ can open.

The groups `posterior` and `sample_stats` hold the draws, and grow. The group `pmcmc` holds records,
one array of bytes each (see `codec`). Files are written under another name and then renamed, so a
killed process leaves either the old file or the new one. They carry a checksum, which detects
damage.
"""

import contextlib
import os
import pathlib
import shutil
import uuid
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pmcmc._store.codec import pack, unpack
from pmcmc._store.lock import reserved
from pmcmc._store.reading import n_readable
from pmcmc._util.checks import first_line, short

DRAWS = ("posterior", "sample_stats")
_RECORDS = "pmcmc"
_COORDS = ("chain", "draw")
_NUMBERS_IN_FILE = 2**16  # of a coordinate


class Variable(NamedTuple):
    """One array of draws.

    Args:
        group: one of `DRAWS`.
        name: its name in that group.
        dims: names of its axes.
    """

    group: str
    name: str
    dims: tuple[str, ...]


class Folder:
    """A run on disk.

    Args:
        path: path of an existing run.

    Raises:
        ImportError: zarr is not installed.
        ValueError: there is no run.
    """

    def __init__(self, path: Any) -> None:
        self.path = _as_path(path)
        self._zarr = import_zarr()
        if not (self.path / "zarr.json").is_file():
            raise ValueError(
                f"store must be a folder written by sample(..., store=...), got {str(path)!r}, "
                "which holds no run: write the path that you gave to sample."
            )

    @classmethod
    def create(
        cls, path: Any, attributes: Mapping[str, Any], records: Mapping[str, Any]
    ) -> "Folder":
        """Create a run: either completely, or not at all.

        Args:
            path: path that does not exist yet.
            attributes: attributes of the posterior, for ArviZ.
            records: trees by name; see `put`.

        Raises:
            OSError: it cannot be written.
            ValueError: the path exists.
        """
        zarr, path = import_zarr(), _as_path(path)
        if path.exists():
            raise ValueError(
                f"store must be a new folder, got {str(path)!r}, which exists: write "
                f"pmcmc.resume({str(path)!r}, logdensity) to continue it, or another name."
            )
        unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            root = zarr.open_group(unfinished, mode="w", attributes={})
            for name in (*DRAWS, _RECORDS):
                root.create_group(name)
            root["posterior"].attrs.update(dict(attributes))
            folder = cls(unfinished)
            for name, tree in records.items():
                folder.put(name, tree)
            unfinished.rename(path)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        return cls(path)

    def put(self, name: str, tree: Any) -> None:
        """Write a record, see `pmcmc._store.codec.pack`."""
        data = np.frombuffer(pack(tree), np.uint8)
        array = self._root("r+")[_RECORDS].create_array(
            name,
            shape=data.shape,
            chunks=data.shape,
            dtype=data.dtype,
            dimension_names=[f"byte_of_{name}"],
            **self._safe,
            overwrite=True,
        )
        array[:] = data

    def get(self, name: str) -> Any:
        """Read a record; `None` if it is missing or damaged."""
        try:
            return unpack(self._root("r")[_RECORDS][name][:].tobytes())
        except Exception:  # zarr, its codecs, NumPy and JSON all fail in their own ways
            return None

    def names(self, prefix: str) -> list[str]:
        """Sorted names of the records with this prefix."""
        folder = self.path / _RECORDS
        return sorted(entry.name for entry in folder.iterdir() if entry.name.startswith(prefix))

    def drop(self, prefix: str) -> None:
        """Remove the records with this prefix."""
        for name in self.names(prefix):
            shutil.rmtree(self.path / _RECORDS / name)

    def write(self, arrays: Mapping[Variable, np.ndarray], first_draw: int, chunk: int) -> None:
        """Write draws from `first_draw` on, replacing all later ones.

        Args:
            arrays: shape `(chain, n, *event)` by variable.
            first_draw: index of the first one.
            chunk: number of draws per file.
        """
        root = self._root("r+")
        for variable, rows in arrays.items():
            end = first_draw + rows.shape[1]
            sizes = (rows.shape[0], chunk, *(max(n, 1) for n in rows.shape[2:]))
            array = self._array(root, variable, rows, sizes)
            if array.shape[1] != end:
                array.resize((rows.shape[0], end, *rows.shape[2:]))
            array[:, first_draw:end] = rows
            self._write_coordinates(root[variable.group], rows.shape[0], end)

    def read(self, variable: Variable, n_draws: int) -> np.ndarray:
        """Draws of one variable, shape `(chain, n_draws, *event)`."""
        array = self._root("r")[variable.group][variable.name]
        return np.asarray(array[:, :n_draws])

    def variables(self, group: str) -> list[Variable]:
        """Those of a group without axes of their own, by name."""
        names = sorted(entry.name for entry in (self.path / group).iterdir() if entry.is_dir())
        return [Variable(group, name, ("chain", "draw")) for name in names if name not in _COORDS]

    def n_intact(self, variables: Sequence[Variable]) -> int:
        """How many draws of all variables can be read without a gap."""
        arrays = [self._found(variable) for variable in variables]
        if any(array is None for array in arrays):
            return 0
        folders = [self.path / variable.group / variable.name for variable in variables]
        return min(map(n_readable, arrays, folders))

    def reserved(self) -> contextlib.AbstractContextManager[None]:
        """While this is open, no other process can take steps of the run; see `reserved`."""
        return reserved(self.path)

    def wait(self) -> None:
        """Wait until all processes of the run are here, if there are others."""
        return

    def _found(self, variable: Variable) -> Any:
        try:
            return self._root("r")[variable.group][variable.name]
        except Exception:  # as in `get`
            return None

    def _array(self, root: Any, variable: Variable, rows: np.ndarray, sizes: Any) -> Any:
        group = root[variable.group]
        if variable.name in group:
            return group[variable.name]
        return group.create_array(
            variable.name,
            shape=(rows.shape[0], 0, *rows.shape[2:]),
            chunks=sizes,
            dtype=rows.dtype,
            fill_value=np.nan if rows.dtype.kind == "f" else 0,
            dimension_names=variable.dims,
            **self._safe,
        )

    def _write_coordinates(self, group: Any, n_chains: int, n_draws: int) -> None:
        for name, n in zip(_COORDS, (n_chains, n_draws), strict=True):
            if name not in group:
                options = {"chunks": (_NUMBERS_IN_FILE,), "dtype": np.int64, **self._safe}
                group.create_array(name, shape=(0,), dimension_names=[name], **options)
            array = group[name]
            first = array.shape[0]
            if first != n:
                array.resize((n,))
                array[min(first, n) :] = np.arange(min(first, n), n)

    @property
    def _safe(self) -> dict[str, Any]:
        codecs = self._zarr.codecs
        return {
            "compressors": [codecs.ZstdCodec(), codecs.Crc32cCodec()],
            "config": {"write_empty_chunks": True},  # so a missing file means damage
        }

    def _root(self, mode: str) -> Any:
        return self._zarr.open_group(self.path, mode=mode, use_consolidated=False)

    def consolidate(self) -> None:
        """Let readers see all draws so far, and open them fast."""
        with warnings.catch_warnings():  # this part of zarr's format 3 is not final
            warnings.simplefilter("ignore")
            self._zarr.consolidate_metadata(self.path)


def _as_path(path: Any) -> pathlib.Path:
    if isinstance(path, str | os.PathLike):
        return pathlib.Path(path)
    raise ValueError(f"store must be a path, got {short(path)}: write store='run.zarr'.")


def import_zarr() -> Any:
    """The module.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import zarr
    except ImportError as error:
        raise ImportError(
            f"store= needs zarr ({first_line(error)}): pip install 'pmcmc[store]', or write "
            "store=None."
        ) from error
    return zarr
