"""The interface of a transition that runs in parallel in time."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax

from pmcmc._util.pytree import Pytree

LogDensity = Callable[[jax.Array], jax.Array]


class State(NamedTuple):
    """Position `(D,)` and the log density there, `None` if there is no log density."""

    position: jax.Array
    logdensity: jax.Array | None


class GradientState(NamedTuple):
    """Position `(D,)`, log density there, and its gradient `(D,)`."""

    position: jax.Array
    logdensity: jax.Array
    logdensity_grad: jax.Array


def value_and_grad(logdensity: Any, position: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Value and gradient `(D,)` of a log density, by its own method if it has one.

    All kernels compute gradients here. A log density with a method `value_and_grad(position)`
    decides how to differentiate itself; any other function is differentiated in reverse mode.

    Args:
        logdensity: from a flat position to a scalar.
        position: shape `(D,)`.
    """
    own = getattr(logdensity, "value_and_grad", None)
    return jax.value_and_grad(logdensity)(position) if own is None else own(position)


class InnerSteps(NamedTuple):
    """A transition that is a recursion itself, such as a trajectory of leapfrog steps.

    Args:
        length: the largest possible number of inner steps.
        start: `(state, noise) -> inner state`, a vector whose first half is a position.
        step: `(inner state, noise, index) -> inner state`; the identity after the last step.
        finish: `(state, noise, inner state) -> (state, info)`.
    """

    length: int
    start: Callable[[Any, Any], jax.Array]
    step: Callable[[jax.Array, Any, jax.Array], jax.Array]
    finish: Callable[[Any, Any, jax.Array], tuple[Any, Any]]


class Parts(NamedTuple):
    """A transition in three parts, only one of which uses the log density.

    Args:
        propose: `(state, noise) -> (proposal, kept)`, a position `(D,)` and anything else that the
            decision needs; cheap.
        evaluate: `(logdensity, proposal) -> evaluated proposal`, a state.
        decide: `(state, evaluated proposal, kept, noise) -> (state, info)`; cheap.
        proposes_from_position: whether `propose` reads only the position of a state.
    """

    propose: Callable[[Any, Any], tuple[jax.Array, Any]]
    evaluate: Callable[[Any, jax.Array], Any]
    decide: Callable[[Any, Any, Any, Any], tuple[Any, Any]]
    proposes_from_position: bool


class Kernel(Pytree, abc.ABC):
    """A Markov transition with its randomness taken out.

    Given the noise of one step, `transition` is a deterministic map, so a chain is a recursion
    `s_t = f(s_{t-1}, noise_t)` that a loop or a parallel-in-time solver can evaluate. Positions
    are flat vectors of shape `(D,)`; `pmcmc.sample` ravels and unravels the user's pytrees.

    A kernel is a frozen dataclass registered as a pytree. Its hyperparameters are leaves, so new
    values never recompile. A state is a named tuple with at least a `position` and its
    `logdensity`. Your own kernel needs `draw_noise` and `transition`; if it proposes, evaluates the
    log density once and decides, derive from `ProposalKernel`.
    """

    uses_logdensity: ClassVar[bool] = True
    uses_gradient: ClassVar[bool] = False
    # For large D; None if there is no step size to tune.
    target_acceptance_rate: ClassVar[float | None] = None
    metrics: ClassVar[tuple[str, ...]] = ()  # kinds of inverse mass matrix: "diagonal", "dense"
    # Fields that a warm-up may set: "step_size", "inverse_mass_matrix".
    tunables: ClassVar[tuple[str, ...]] = ()

    def init(self, logdensity: Any, position: jax.Array) -> Any:
        """State of the chain at `position`: the position and what the next step can reuse.

        Args:
            logdensity: from a flat position to a scalar; `None` if there is none.
            position: shape `(D,)`.
        """
        if logdensity is None:
            return State(position, None)
        if self.uses_gradient:
            return GradientState(position, *value_and_grad(logdensity, position))
        # The log density only affects decisions, which have no derivative.
        return State(position, logdensity(jax.lax.stop_gradient(position)))

    @abc.abstractmethod
    def draw_noise(self, rng_key: jax.Array, position: jax.Array) -> Any:
        """Noise of one step, a pytree. Only the shape and dtype of `position` may be used.

        Raises:
            ValueError: the kernel does not fit positions of this shape.
        """

    @abc.abstractmethod
    def transition(self, logdensity: Any, state: Any, noise: Any) -> tuple[Any, Any]:
        """One step: `(state, info)`.

        `info` is a named tuple of scalars, among them `acceptance_rate`, `is_accepted` and
        `is_divergent`; with the log density they become the statistics of the step.
        """

    def acceptance_rate_to_aim_at(self, dim: int) -> float | None:
        """The target acceptance rate for positions of `dim` numbers, for tuning the step size."""
        return self.target_acceptance_rate

    def evaluations_per_step(self) -> float:
        """How often a transition evaluates the log density on average, if there is one."""
        return 1.0

    def parts(self) -> Parts | None:
        """The transition in three parts, if it has them."""
        return None

    def surrogate_of_logdensity(self) -> Any:
        """The kernel's own stand-in for the log density; `None` if it has none."""
        return None

    def preliminary(self, dim: int) -> "Kernel | None":
        """The kernel with which a warm-up begins, to learn what this one needs.

        `None` if it begins with this one.

        Args:
            dim: number of coordinates of a position.

        Raises:
            ValueError: `dim` is too large for this kernel.
        """
        return None

    def tunable(self, name: str) -> Any:
        """The value of a tunable field, `None` if the kernel has no such field."""
        return getattr(self, name) if name in self.tunables else None

    def inner_steps(self, logdensity: Any) -> InnerSteps | None:
        """The transition as a recursion of its own, if it is one."""
        return None

    def flatten(self, unravel: Callable[[jax.Array], Any]) -> "Kernel":
        """The kernel for flat positions.

        For kernels made from the user's functions of structured positions.

        Args:
            unravel: from a flat position to that structure.
        """
        return self

    def leapfrog_step_size(self, dim: int) -> float | None:
        """Step size with which Hamiltonian samplers can continue, with the same metric.

        Args:
            dim: number of coordinates of a position.

        Returns:
            A step size with an acceptance rate of 0.8 to 0.9 on a normal target, if this kernel has
            its own target rate there; `None` if unknown.
        """
        return None

    def __str__(self) -> str:
        """Hyperparameters that are set, arrays by their shape."""
        texts = [
            f"{field.name}={_short(getattr(self, field.name))}"
            for field in dataclasses.fields(self)
            if getattr(self, field.name) is not field.default
        ]
        return f"{type(self).__name__}({', '.join(texts)})"


def _short(value: Any) -> str:
    shape = getattr(value, "shape", ())
    if shape:
        return f"<array of shape {shape}>"
    if callable(value):
        return getattr(value, "__qualname__", str(value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)
