"""What a solver can ask about a recursion before it runs."""

import abc
from typing import Any, NamedTuple

import jax

from pmcmc.solvers.newton.structures import Structure


class Sweeps(NamedTuple):
    """Statistics of recent sweeps.

    Args:
        window: window of the latest sweeps.
        steps: average number of steps that they finished.
        seconds: duration of a sweep, by window.
    """

    window: int
    steps: float
    seconds: dict[int, float]


class Setting(abc.ABC):
    """A recursion, with knowledge about its origin for `Solver.prepare`."""

    def of_inner_steps(self) -> "Setting":
        """The setting of the inner steps of a step, if it has any."""
        return self

    def check(self, structure: Structure) -> None:
        """Check that sweeps with this structure can run here.

        Raises:
            ValueError: they cannot; the message says why and what to write.
        """
        return  # most can

    def probes(self) -> int | None:
        """Number of probes of a diagonal with `"auto"`; `None` for an exact diagonal."""
        return 1

    @abc.abstractmethod
    def basis(self, name: str, structure: Structure) -> jax.Array | None:
        """The basis `"auto"`, `"hessian"` or `"jacobian"` for this structure.

        Raises:
            ValueError: there is no basis with this name.
        """

    def surrogate(self, surrogate: Any) -> Any:
        """The surrogate for flat positions, from the user's surrogate or `"auto"`.

        Raises:
            ValueError: there is no log density to stand in for, or it does not fit.
        """
        raise ValueError(
            "solver='speculative' needs a log density, and this recursion has none: write "
            "solver='quasi'."
        )

    def sweeps_so_far(self) -> "Sweeps | None":
        """Statistics of recent sweeps, if known."""
        return None

    def evaluations_at_once(self) -> int | None:
        """Number of expensive evaluations in the time of one; `None` if it has to be measured.

        If there are several chains, it is the number for each.
        """
        return None

    def time_devices(self) -> int:
        """Number of devices that share the rows of a window."""
        return 1

    @abc.abstractmethod
    def flatten(self, states: Any) -> jax.Array:
        """Trajectories from the user as flat states, shape `(chain, T, D)`.

        Raises:
            ValueError: they have other shapes.
        """
