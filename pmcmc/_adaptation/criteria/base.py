"""The interface of the criteria of a warm-up."""

import abc
import dataclasses
import enum
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np

from pmcmc._chain.density import FlatLogDensity
from pmcmc._chain.problem import with_dtype
from pmcmc.kernels import Kernel


class Choices(NamedTuple):
    """The options of a warm-up that users can set.

    Args:
        metric: `"auto"`, `"diagonal"`, `"dense"` or `None`.
        target_acceptance_rate: `None` for the default of the kernel.
    """

    metric: str | None = "auto"
    target_acceptance_rate: float | None = None


class Acts(enum.Enum):
    """When a criterion changes the kernel."""

    AFTER_WINDOWS = enum.auto()  # of every phase
    AFTER_SLOW_PHASES = enum.auto()


class Context(NamedTuple):
    """Where the chains are when a criterion acts.

    Args:
        runner: of the chains, see `pmcmc._chain.runner.Runner`.
        positions: shape `(chain, D)`, on the device.
        rng_key: of the noise of the warm-up.
        is_start: whether no step has been taken yet.
    """

    runner: Any
    positions: jax.Array
    rng_key: jax.Array
    is_start: bool

    @property
    def logdensity(self) -> FlatLogDensity:
        """The log density of flat positions."""
        return self.runner.logdensity

    def acceptance_rate(self, kernel: Kernel, n_steps: int) -> float:
        """Mean over chains of trial steps that the chains do not keep; see `pooled_rate`."""
        segment = self.runner.probe(kernel, self.positions, self.rng_key, n_steps)
        return pooled_rate(segment.stats["acceptance_rate"])


class Window(NamedTuple):
    """Observations from a window of steps with fixed parameters.

    Args:
        phase: number of its phase.
        acceptance_rate: mean over the steps, pooled over the chains.
        rows: evenly spaced steps of the window, arrays `(chain, step, ...)` by name: `"positions"`
            and the names in `Criterion.rows`. At most about 1,000 steps per chain and phase.
    """

    phase: int
    acceptance_rate: float
    rows: dict[str, np.ndarray]


class Final(NamedTuple):
    """The result of a criterion at the end of a phase.

    Args:
        state: for the next phase.
        kernel: for the next phase.
        words: what was done, for the record; empty if nothing was.
        figures: the numbers behind it, by name.
    """

    state: Any
    kernel: Kernel
    words: str = ""
    figures: dict[str, float] = {}  # noqa: RUF012 (never changed)


class Criterion(abc.ABC):
    """Tunes one field of a kernel between the windows of a warm-up.

    A criterion is a frozen dataclass of options. It keeps what it learns in a separate state,
    which `run_windows` passes along: `init` first, `update` after every window, and `final` at the
    end of a phase. A slow phase may change the kernel, so criteria that act after windows start
    again with `init` when it ends. The states of the others last for the whole warm-up.
    """

    tunes: ClassVar[str]  # name of the field, one of `Kernel.tunables`
    acts: ClassVar[Acts]
    rows: ClassVar[tuple[str, ...]] = ()  # names in `Segment.stats` that `update` needs

    @classmethod
    @abc.abstractmethod
    def of(cls, kernel: Kernel, dim: int, choices: Choices) -> "Criterion | None":
        """The criterion for a kernel; `None` if there is nothing to tune.

        Raises:
            ValueError: an option does not fit the kernel.
        """

    def prepare(self, kernel: Kernel, dim: int) -> Kernel:
        """The kernel with an initial value, of the same shape and kind as all later values.

        Programs are compiled for this kind of value before the first step.
        """
        return kernel

    @abc.abstractmethod
    def init(self, kernel: Kernel, context: Context) -> tuple[Any, Kernel]:
        """The initial state and kernel.

        Raises:
            ValueError: no value works for the chains.
        """

    @abc.abstractmethod
    def update(self, state: Any, kernel: Kernel, window: Window) -> tuple[Any, Kernel]:
        """State and kernel after one more window of any phase.

        A criterion that acts after slow phases returns the kernel unchanged.
        """

    @abc.abstractmethod
    def final(self, state: Any, kernel: Kernel, context: Context) -> Final:
        """State and kernel at the end of a phase (of a slow phase for `AFTER_SLOW_PHASES`)."""


def with_tuned(kernel: Any, **values: Any) -> Any:
    """The kernel with new values of some fields, cast to the dtypes of the old ones."""
    types = [np.asarray(leaf).dtype for leaf in jax.tree.leaves(kernel)]
    dtype = np.result_type(*(x for x in types if np.issubdtype(x, np.floating)))
    return dataclasses.replace(kernel, **with_dtype(values, dtype))


def pooled_rate(rates: np.ndarray) -> float:
    """Harmonic mean over chains: one stuck chain pulls it down, however many good ones there are.

    Args:
        rates: acceptance rates, shape `(chain, step)`.
    """
    of_chains = np.maximum(rates.mean(axis=1), 1e-3)
    return float(1 / np.mean(1 / of_chains))


def check_tunables(kernel: Kernel) -> None:
    """Raise unless `tunables` of a kernel are fields, and include those that its settings need."""
    name = type(kernel).__name__
    fields = {field.name for field in dataclasses.fields(kernel)}
    for unknown in sorted({*kernel.tunables} - fields):
        raise ValueError(
            f"tunables of {name} must be names of its fields, got {unknown!r}: write the field "
            f"{unknown}, or leave it out of tunables."
        )
    needed = {"target_acceptance_rate": "step_size", "metrics": "inverse_mass_matrix"}
    for attribute, field in needed.items():
        if getattr(kernel, attribute) and field not in kernel.tunables:
            raise ValueError(
                f"tunables of {name} must contain {field!r} where {attribute} is set, got "
                f"{kernel.tunables}: write tunables = {(*kernel.tunables, field)} in the class."
            )
