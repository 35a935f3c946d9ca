"""What a solver can find out about a recursion before it runs."""

import abc
from typing import Any, NamedTuple

import jax

from pmcmc.solvers.newton.structures import Structure


class Sweeps(NamedTuple):
    """What sweeps have shown.

    Args:
        window: of the latest ones.
        steps: that these have finished, on average.
        seconds: of a sweep, by window.
    """

    window: int
    steps: float
    seconds: dict[int, float]


class Setting(abc.ABC):
    """A recursion as those see it who know where it comes from; `Solver.prepare` asks it."""

    def of_inner_steps(self) -> "Setting":
        """The setting of the inner steps of a step, where a step has any."""
        return self

    def check(self, structure: Structure) -> None:
        """Check that sweeps with this structure can run here.

        Raises:
            ValueError: they cannot; the message says why and what to write.
        """
        return  # most can

    def probes(self) -> int | None:
        """Probes of a diagonal whose number is left to be chosen, `None` for an exact one."""
        return 1

    @abc.abstractmethod
    def basis(self, name: str, structure: Structure) -> jax.Array | None:
        """The basis of a name, `"auto"`, `"hessian"` or `"jacobian"`, for this structure.

        Raises:
            ValueError: there is none of this name.
        """

    def surrogate(self, surrogate: Any) -> Any:
        """A surrogate as a user writes it, or `"auto"`, for flat positions.

        Raises:
            ValueError: there is no log density to stand in for, or it does not fit.
        """
        raise ValueError(
            "solver='speculative' needs a log density, and this recursion has none: write "
            "solver='quasi'."
        )

    def sweeps_so_far(self) -> "Sweeps | None":
        """What sweeps have shown of late, where that is known."""
        return None

    def evaluations_at_once(self) -> int | None:
        """Evaluations of the expensive part in the time of one; `None` where a clock tells.

        That of each chain, where there are several.
        """
        return None

    def time_devices(self) -> int:
        """How many devices share the rows of a window."""
        return 1

    @abc.abstractmethod
    def flatten(self, states: Any) -> jax.Array:
        """Trajectories as a user writes them as flat states, shape `(chain, T, D)`.

        Raises:
            ValueError: they have other shapes.
        """
