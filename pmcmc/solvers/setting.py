"""What a solver can find out about a recursion before it runs."""

import abc
from typing import Any

import jax

from pmcmc.solvers.structures import Structure


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

    @abc.abstractmethod
    def basis(self, name: str, structure: Structure) -> jax.Array | None:
        """The basis of a name, `"auto"`, `"hessian"` or `"jacobian"`, for this structure.

        Raises:
            ValueError: there is none of this name.
        """

    @abc.abstractmethod
    def flatten(self, states: Any) -> jax.Array:
        """Trajectories as a user writes them as flat states, shape `(chain, T, D)`.

        Raises:
            ValueError: they have other shapes.
        """
