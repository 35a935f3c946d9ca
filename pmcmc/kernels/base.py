"""What a transition has to offer to be run in parallel in time."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import jax

LogDensity = Callable[[jax.Array], jax.Array]


class Kernel(abc.ABC):
    """A Markov transition with its randomness taken out.

    Given the noise of one step, `transition` is a deterministic map, so a chain is a recursion
    `s_t = f(s_{t-1}, noise_t)` that a loop or a parallel-in-time solver can evaluate. Positions
    are flat vectors of shape `(D,)`; `pmcmc.sample` ravels and unravels the user's pytrees.

    A kernel is a frozen dataclass registered as a pytree whose hyperparameters are leaves, so that
    changing their values never recompiles. A state is a named tuple with at least a `position` and
    its `logdensity`.
    """

    target_acceptance_rate: ClassVar[float]

    @abc.abstractmethod
    def init(self, logdensity: LogDensity, position: jax.Array) -> Any:
        """State of the chain at `position`: the position and what the next step can reuse."""

    @abc.abstractmethod
    def draw_noise(self, rng_key: jax.Array, position: jax.Array) -> Any:
        """Noise of one step, a pytree. Only the shape and dtype of `position` may be used."""

    @abc.abstractmethod
    def transition(self, logdensity: LogDensity, state: Any, noise: Any) -> tuple[Any, Any]:
        """One step: `(state, info)`.

        `info` is a named tuple of scalars, among them `acceptance_rate`, `is_accepted` and
        `is_divergent`; with the log density they become the statistics of the step.
        """
