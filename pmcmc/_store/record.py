"""A run on disk: the request, its progress, and its draws so far."""

from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._adaptation.report import WarmupReport
from pmcmc._chain.draws import DrawnRows
from pmcmc._chain.fitting import Fitting
from pmcmc._store.codec import NotStorableError, pack
from pmcmc._store.folder import Folder, Variable
from pmcmc._store.journal import JOURNAL, Journal
from pmcmc._store.storage import CHECKPOINT, Checkpoint, Storage, variables_of
from pmcmc._util.arviz_compat import name_of_stat
from pmcmc._util.checks import short

_FILES = 50  # per variable
_FILE_NUMBERS = 2**20  # most numbers per file: 8 MiB of float64
_DESCRIPTION, _TUNED, _LENGTH = "description", "tuned", "n_steps_"


class Keepsake(NamedTuple):
    """A kernel, solver or function, or as much of it as can be stored.

    Args:
        value: the value; `None` if it cannot be stored, so that users have to pass it again.
        text: the value in words.
        leaves: its numbers, if it is a pytree.
        is_whole: whether `value` is complete.
    """

    value: Any
    text: str
    leaves: tuple[Any, ...] = ()
    is_whole: bool = True

    @classmethod
    def of(cls, value: Any) -> "Keepsake":
        """As much of a value as can be stored."""
        try:
            pack(value)
        except NotStorableError:
            leaves = tuple(x for x in jax.tree.leaves(value) if not callable(x))
            return cls(None, short(value), tuple(map(np.asarray, leaves)), is_whole=False)
        return cls(value, short(value))

    def restored(self, like: Any) -> Any:
        """The value; if only its numbers were stored, they get the structure of `like`."""
        return (
            self.value
            if self.is_whole
            else jax.tree.unflatten(jax.tree.structure(like), self.leaves)
        )


class Description(NamedTuple):
    """The request.

    Args:
        version: of this package.
        x0: as the user wrote it, NumPy arrays.
        n_chains: number of chains.
        rng_key: data of the key.
        rng_key_impl: its implementation.
        random_bits: bits drawn with it, to check that noise is the same on another machine.
        dtype: of the positions.
        logdensity: log densities of the starts; `None` if there is no log density.
        kernel: as the user wrote it.
        solver: as the user wrote it.
        keep: as the user wrote it.
        n_warmup: number of steps of the warm-up.
        thin: number of steps per draw.
        chain_method: as the user wrote it.
        gradient_mode: as the user wrote it.
        chunk: number of draws per file.
    """

    version: str
    x0: Any
    n_chains: int
    rng_key: np.ndarray
    rng_key_impl: str
    random_bits: np.ndarray
    dtype: np.dtype
    logdensity: np.ndarray | None
    kernel: Keepsake
    solver: Keepsake
    keep: Keepsake
    n_warmup: int
    thin: int
    chain_method: str
    gradient_mode: str
    chunk: int


class Tuned(NamedTuple):
    """The result of a warm-up.

    Args:
        kernel: for flat positions.
        positions: shape `(chain, D)`.
        report: `None` if there was no warm-up.
        gradient_mode: of the whole run; `"auto"` if the kernel uses no gradient.
        seconds: duration of the warm-up.
    """

    kernel: Keepsake
    positions: Any
    report: WarmupReport | None
    gradient_mode: str
    seconds: float


class Record:
    """A run on disk.

    Args:
        folder: where it is.

    Raises:
        ValueError: its description cannot be read.
    """

    def __init__(self, folder: Folder) -> None:
        description = folder.get(_DESCRIPTION)
        if not isinstance(description, Description):
            raise ValueError(
                f"store {str(folder.path)!r} has no readable description: it was not "
                "written by this version of pmcmc, or is damaged. Draws may still be read with "
                "xarray.open_datatree."
            )
        self.folder, self.description = folder, description

    @classmethod
    def create(
        cls, kind: type[Folder], path: Any, description: Description, n_steps: int, attributes: Any
    ) -> "Record":
        """Create a record in a new folder.

        Raises:
            ValueError: the path exists, or `x0` cannot be stored.
        """
        records = {_DESCRIPTION: description, f"{_LENGTH}{n_steps:012}": n_steps}
        return cls(kind.create(path, attributes, records))

    @property
    def n_steps(self) -> int:
        """Length of the whole chain."""
        return int(self.folder.names(_LENGTH)[-1].removeprefix(_LENGTH))

    def lengthen(self, n_steps: int) -> None:
        """Ask for more steps."""
        self.folder.put(f"{_LENGTH}{n_steps:012}", n_steps)

    @property
    def tuned(self) -> Tuned | None:
        """The result of the warm-up; `None` until it is over."""
        return self.folder.get(_TUNED)

    def add_tuned(self, tuned: Tuned) -> None:
        """Store the result of the warm-up, and drop its journal."""
        self.folder.put(_TUNED, tuned._replace(positions=np.asarray(tuned.positions)))
        self.folder.wait()  # other processes may still read it
        self.folder.drop(JOURNAL)

    def journal(self, fitting: Fitting | None, device: Any) -> Journal:
        """The journal of the warm-up."""
        return Journal(self.folder, fitting, device)

    def checkpoint(self, like: Any, spacing: int) -> Checkpoint | None:
        """The last checkpoint before which all draws can be read.

        Args:
            like: the kept part of zero draws, leaves `(chain, 0, *event)`.
            spacing: number of steps per draw.
        """
        names = self.folder.names(CHECKPOINT)
        n_intact = self.folder.n_intact(self._variables(like)) if names else 0
        for name in reversed(names):
            checkpoint = self.folder.get(name)
            is_read = isinstance(checkpoint, Checkpoint)
            if is_read and checkpoint.n_steps // spacing <= n_intact:
                return checkpoint
        return None

    def storage(self, n_steps: int, spacing: int) -> Storage:
        """The storage for draws after `n_steps`, with `spacing` steps per draw."""
        return Storage(self.folder, self.description.chunk, n_steps, spacing)

    def draws(self, like: Any, n_draws: int) -> DrawnRows:
        """The draws so far; `like` as in `checkpoint`."""
        variables = self._variables(like)
        arrays = [self.folder.read(variable, n_draws) for variable in variables]
        n_positions = len(jax.tree.leaves(like))
        positions = jax.tree.unflatten(jax.tree.structure(like), arrays[:n_positions])
        names = [name_of_stat(variable.name) for variable in variables[n_positions:]]
        return positions, dict(zip(names, arrays[n_positions:], strict=True))

    def _variables(self, like: Any) -> list[Variable]:
        return [*variables_of(like, {}), *self.folder.variables("sample_stats")]


def draws_in_file(n_draws: int, numbers: int) -> int:
    """Number of draws per file of a variable.

    Args:
        n_draws: number of draws of the whole run.
        numbers: count of numbers in one draw of all chains.
    """
    return max(1, min(n_draws // _FILES, _FILE_NUMBERS // numbers))
