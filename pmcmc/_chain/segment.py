"""A stretch of finished steps, of all chains or some of them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._chain.recursion import PROPOSAL
from pmcmc.solvers import Trajectories


class Segment(NamedTuple):
    """A stretch of finished steps, on the host.

    Args:
        positions: shape `(chain, step, D)`.
        stats: arrays `(chain, step)` by name.
        last: positions at the end, shape `(chain, D)`, on the device.
        report: the solver's report on the stretch, without its states.
        proposals: proposals and their evaluations, arrays `(chain, step, ...)`, if they were
            kept.
    """

    positions: np.ndarray
    stats: dict[str, np.ndarray]
    last: jax.Array
    report: Trajectories
    proposals: Any = None

    def here(self) -> "Segment":
        """The segment with its last positions on one device of this process."""
        return self._replace(last=jnp.asarray(np.asarray(self.last)))

    @classmethod
    def fetched(cls, last: jax.Array, result: Any, n_steps: int) -> "Segment":
        """The first `n_steps` of a solver's result, copied to the host when they are ready."""
        states, stats = jax.tree.map(
            lambda rows: np.asarray(rows)[:, :n_steps], (result.states, result.aux)
        )
        report = jax.tree.map(np.asarray, result._replace(states=None, aux=None))
        return cls(states, stats, last, report, stats.pop(PROPOSAL, None))
