"""Kernels that propose, evaluate and decide."""

import abc
from typing import Any

import jax

from pmcmc.kernels.base import Kernel, LogDensity, Parts


class ProposalKernel(Kernel):
    """A kernel in three parts, only one of which uses the log density.

    `propose` and `decide` are cheap; `evaluate` is expensive. Solvers that predict proposals can
    then evaluate many of them at once.
    """

    @abc.abstractmethod
    def propose(self, state: Any, noise: Any) -> jax.Array:
        """The proposal `(D,)`, from the position alone if `uses_gradient` is false."""

    def evaluate(self, logdensity: LogDensity, proposal: jax.Array) -> Any:
        """The proposal as a state, with the log density there, and its gradient if it is used."""
        return self.init(logdensity, proposal)

    @abc.abstractmethod
    def decide(self, state: Any, proposal: Any, noise: Any) -> tuple[Any, Any]:
        """`(state, info)` after the decision about an evaluated proposal.

        Predictions assume that the next state is one of the two. If it is not, the chain is still
        correct, but each sweep finishes only one step.
        """

    def parts(self) -> Parts:
        return Parts(
            propose=lambda state, noise: (self.propose(state, noise), None),
            evaluate=self.evaluate,
            decide=lambda state, proposal, kept, noise: self.decide(state, proposal, noise),
            proposes_from_position=not self.uses_gradient,
        )

    def transition(self, logdensity: LogDensity, state: Any, noise: Any) -> tuple[Any, Any]:
        parts = self.parts()
        proposal, kept = parts.propose(state, noise)
        return parts.decide(state, parts.evaluate(logdensity, proposal), kept, noise)
