"""A run on disk: what was asked for, where it is, and what has come out so far."""

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

_FILES = 50  # of each variable
_FILE_NUMBERS = 2**20  # at most: 8 MiB of float64
_DESCRIPTION, _TUNED, _LENGTH = "description", "tuned", "n_steps_"


class Keepsake(NamedTuple):
    """A kernel, solver or function, or what there is of it on disk.

    Args:
        value: as it was; `None` of what has no form on disk, which users have to give again.
        text: in words.
        leaves: its numbers, where it is a pytree.
        is_whole: whether `value` is all of it.
    """

    value: Any
    text: str
    leaves: tuple[Any, ...] = ()
    is_whole: bool = True

    @classmethod
    def of(cls, value: Any) -> "Keepsake":
        """What can be kept of a value."""
        try:
            pack(value)
        except NotStorableError:
            leaves = tuple(x for x in jax.tree.leaves(value) if not callable(x))
            return cls(None, short(value), tuple(map(np.asarray, leaves)), is_whole=False)
        return cls(value, short(value))

    def restored(self, like: Any) -> Any:
        """The value; its numbers in the structure of `like` where they are all there is."""
        return (
            self.value
            if self.is_whole
            else jax.tree.unflatten(jax.tree.structure(like), self.leaves)
        )


class Description(NamedTuple):
    """What was asked for.

    Args:
        version: of this package.
        x0: as the user wrote it, NumPy arrays.
        n_chains: number of chains.
        rng_key: data of the key.
        rng_key_impl: its implementation.
        random_bits: drawn with it, which tell whether noise is the same elsewhere.
        dtype: of the positions.
        logdensity: at the starts, `None` where there is no log density.
        kernel: as the user wrote it.
        solver: as the user wrote it.
        keep: as the user wrote it.
        n_warmup: steps of the warm-up.
        thin: steps for one draw.
        chain_method: as the user wrote it.
        gradient_mode: as the user wrote it.
        chunk: draws in a file.
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
    """Where a warm-up led.

    Args:
        kernel: flat.
        positions: shape `(chain, D)`.
        report: `None` where there was no warm-up.
        gradient_mode: of the whole run, `"auto"` where the kernel takes no gradient.
        seconds: it took.
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
        """A new one, in a folder of some kind.

        Raises:
            ValueError: there is something at that path, or `x0` has no form on disk.
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
        """Where the warm-up led, `None` before it is over."""
        return self.folder.get(_TUNED)

    def add_tuned(self, tuned: Tuned) -> None:
        """Write down where the warm-up led; how it got there is no longer needed."""
        self.folder.put(_TUNED, tuned._replace(positions=np.asarray(tuned.positions)))
        self.folder.wait()  # others may still read it
        self.folder.drop(JOURNAL)

    def journal(self, fitting: Fitting | None, device: Any) -> Journal:
        """Of the warm-up."""
        return Journal(self.folder, fitting, device)

    def checkpoint(self, like: Any, spacing: int) -> Checkpoint | None:
        """The last one before which all draws can be read.

        Args:
            like: what is kept of positions, of no draws, leaves `(chain, 0, *event)`.
            spacing: steps for one draw.
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
        """What writes the draws behind so many steps; `spacing` is the steps for one."""
        return Storage(self.folder, self.description.chunk, n_steps, spacing)

    def draws(self, like: Any, n_draws: int) -> DrawnRows:
        """Draws so far; `like` as in `checkpoint`."""
        variables = self._variables(like)
        arrays = [self.folder.read(variable, n_draws) for variable in variables]
        n_positions = len(jax.tree.leaves(like))
        positions = jax.tree.unflatten(jax.tree.structure(like), arrays[:n_positions])
        names = [name_of_stat(variable.name) for variable in variables[n_positions:]]
        return positions, dict(zip(names, arrays[n_positions:], strict=True))

    def _variables(self, like: Any) -> list[Variable]:
        return [*variables_of(like, {}), *self.folder.variables("sample_stats")]


def draws_in_file(n_draws: int, numbers: int) -> int:
    """Draws in one file of each variable.

    Args:
        n_draws: of the whole run.
        numbers: in a draw of all chains.
    """
    return max(1, min(n_draws // _FILES, _FILE_NUMBERS // numbers))
