"""What a criterion of adaptation has to offer."""

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
    """What users may say about a warm-up.

    Args:
        metric: `"auto"`, `"diagonal"`, `"dense"` or `None`.
        target_acceptance_rate: `None` for the kernel's own.
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
        """Mean over chains and over steps that are not part of the chain, see `pooled_rate`."""
        segment = self.runner.probe(kernel, self.positions, self.rng_key, n_steps)
        return pooled_rate(segment.stats["acceptance_rate"])


class Window(NamedTuple):
    """What a window of steps with fixed parameters has shown.

    Args:
        phase: number of the phase that it belongs to.
        acceptance_rate: mean over the steps, pooled over the chains.
        rows: some of its steps, evenly spread, arrays `(chain, step, ...)` by name: `"positions"`
            and what criteria name in `rows`. A phase has at most about 1,000 a chain.
    """

    phase: int
    acceptance_rate: float
    rows: dict[str, np.ndarray]


class Final(NamedTuple):
    """What a criterion leaves at the end of a phase.

    Args:
        state: to go on with in the next phase.
        kernel: for the next phase.
        words: what was done, for the record; empty where there is nothing to say.
        figures: the numbers behind it, by name.
    """

    state: Any
    kernel: Kernel
    words: str = ""
    figures: dict[str, float] = {}  # noqa: RUF012 (never changed)


class Criterion(abc.ABC):
    """Tunes one field of a kernel between the windows of a warm-up.

    A criterion is a frozen dataclass of choices. What it learns is in a state of its own, which
    `run_windows` hands on: `init`, then `update` after every window, then `final` at the end of a
    phase. At the end of a slow phase, when the kernel may have changed, those that act after
    windows begin anew with `init`; the states of the others last for the whole warm-up.
    """

    tunes: ClassVar[str]  # name of the field, one of `Kernel.tunables`
    acts: ClassVar[Acts]
    rows: ClassVar[tuple[str, ...]] = ()  # names in `Segment.stats` that `update` asks for

    @classmethod
    @abc.abstractmethod
    def of(cls, kernel: Kernel, dim: int, choices: Choices) -> "Criterion | None":
        """The criterion that suits a kernel; `None` where there is nothing to tune.

        Raises:
            ValueError: a choice does not suit the kernel.
        """

    def prepare(self, kernel: Kernel, dim: int) -> Kernel:
        """The kernel with a value to begin with, of the shape and the kind of all later values.

        Programs are compiled for this kind of value, before the first step.
        """
        return kernel

    @abc.abstractmethod
    def init(self, kernel: Kernel, context: Context) -> tuple[Any, Kernel]:
        """State and kernel to begin with.

        Raises:
            ValueError: no value suits the chains.
        """

    @abc.abstractmethod
    def update(self, state: Any, kernel: Kernel, window: Window) -> tuple[Any, Kernel]:
        """State and kernel after one more window, of whatever phase.

        A criterion that acts after slow phases returns the kernel as it is.
        """

    @abc.abstractmethod
    def final(self, state: Any, kernel: Kernel, context: Context) -> Final:
        """State and kernel at the end of a phase, a slow one for criteria that act after these."""


def with_tuned(kernel: Any, **values: Any) -> Any:
    """The kernel with other values of some fields, numbers of the type of those that it has."""
    types = [np.asarray(leaf).dtype for leaf in jax.tree.leaves(kernel)]
    dtype = np.result_type(*(x for x in types if np.issubdtype(x, np.floating)))
    return dataclasses.replace(kernel, **with_dtype(values, dtype))


def pooled_rate(rates: np.ndarray) -> float:
    """Harmonic mean over chains, which one stuck chain pulls down and many good ones cannot hide.

    Args:
        rates: acceptance rates, shape `(chain, step)`.
    """
    of_chains = np.maximum(rates.mean(axis=1), 1e-3)
    return float(1 / np.mean(1 / of_chains))


def check_tunables(kernel: Kernel) -> None:
    """Raise unless the class of a kernel names its tunable fields as what else it says needs."""
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
