"""States of BlackJAX's algorithms as vectors, apart from what only the keys determine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from blackjax.base import SamplingAlgorithm
from jax.flatten_util import ravel_pytree

from pmcmc.adapters.blackjax._compat import GRADIENT, LOGDENSITY, fields_of
from pmcmc.adapters.blackjax._step_key import StepKey

# Functions of the position, which a sweep recomputes with `init`.
_OF_THE_POSITION = (LOGDENSITY, GRADIENT)


def check_algorithm(algorithm: Any) -> None:
    """Check that `algorithm` has the functions of a `SamplingAlgorithm`.

    Raises:
        ValueError: it does not.
    """
    if not callable(getattr(algorithm, "init", None)) or not callable(
        getattr(algorithm, "step", None)
    ):
        raise ValueError(
            "algorithm must be a BlackJAX SamplingAlgorithm, with init and step, got "
            f"{type(algorithm).__name__}: write e.g. blackjax.mala(logdensity, 0.1)."
        )


@dataclass(frozen=True)
class StateLayout:
    """The three parts of a state.

    They are its floats, which are the state of the recursion; log density and gradient, which are
    recomputed from the position; and its keys and counters, which must be a function of the step
    keys alone.

    The same algorithm and layout reuse compiled code, which is freed together with the algorithm's
    step (see `pmcmc._util.programs`).

    Args:
        function: the step of the algorithm.
        init: of the algorithm.
        rebuilt: names of the fields that are recomputed from the position.
        treedef: structure of a state without these fields.
        is_float: for each of its leaves, whether it is in the vector.
        implementations: of the other leaves: those of typed keys, and `None` for other leaves.
        unravel: maps the vector to the leaves in it.
    """

    function: Any
    init: Callable[..., Any]
    rebuilt: tuple[str, ...]
    treedef: Any
    is_float: tuple[bool, ...]
    implementations: tuple[Any, ...]
    unravel: Callable[[jax.Array], Any]

    @classmethod
    def of(cls, algorithm: SamplingAlgorithm, state: Any) -> "StateLayout":
        """The layout of states like this one.

        Raises:
            ValueError: there is no float in it.
        """
        fields = fields_of(state)
        rebuilt = tuple(name for name in _OF_THE_POSITION if {name, "position"} <= set(fields))
        leaves, treedef = jax.tree.flatten(_without(state, rebuilt))
        is_float = tuple(jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in leaves)
        if not any(is_float):
            raise ValueError(
                "the state must hold at least one float, got one without: write e.g. "
                "initial_position=jnp.zeros(2)."
            )
        pairs = list(zip(leaves, is_float, strict=True))
        floats = [leaf for leaf, keep in pairs if keep]
        implementations = tuple(StepKey.of(leaf).implementation for leaf, keep in pairs if not keep)
        unravel = ravel_pytree(floats)[1]
        functions = algorithm.step, algorithm.init
        return cls(*functions, rebuilt, treedef, is_float, implementations, unravel)

    def step(self, key: StepKey, state: Any) -> tuple[Any, Any]:
        """The algorithm's step."""
        return key.use(self.function, state)

    def vector(self, state: Any) -> jax.Array:
        """The floats of a state, shape `(N,)`."""
        leaves = self._leaves(state)
        return ravel_pytree([leaf for leaf, keep in self._pairs(leaves) if keep])[0]

    def driven(self, state: Any) -> list[Any]:
        """The keys and counters of a state, as numbers."""
        leaves = self._leaves(state)
        return [StepKey.of(leaf).data for leaf, keep in self._pairs(leaves) if not keep]

    def with_driven(self, state: Any, driven: list[Any]) -> Any:
        """A state with other keys and counters."""
        rest = self._as_they_were(driven)
        leaves = [leaf if keep else next(rest) for leaf, keep in self._pairs(self._leaves(state))]
        fields = {name: getattr(state, name) for name in self.rebuilt}
        return _with(jax.tree.unflatten(self.treedef, leaves), fields)

    def assemble(self, vector: jax.Array, driven: list[Any]) -> Any:
        """The state with this vector, keys and counters (`None` for those that do not matter)."""
        floats, rest = iter(self.unravel(vector)), self._as_they_were(driven)
        leaves = [next(floats) if keep else next(rest) for keep in self.is_float]
        state = jax.tree.unflatten(self.treedef, leaves)
        if not self.rebuilt:
            return state
        # `init` may draw numbers with this key; none of them is used.
        start = self.init(state.position, jax.random.key(0))
        return _with(state, {name: getattr(start, name) for name in self.rebuilt})

    def _as_they_were(self, driven: list[Any]) -> Iterator[Any]:
        pairs = zip(driven, self.implementations, strict=True)
        return (None if data is None else StepKey(data, kind).key for data, kind in pairs)

    def _leaves(self, state: Any) -> list[Any]:
        return jax.tree.leaves(_without(state, self.rebuilt))

    def _pairs(self, leaves: list[Any]) -> Any:
        return zip(leaves, self.is_float, strict=True)


def _without(state: Any, fields: tuple[str, ...]) -> Any:
    return _with(state, dict.fromkeys(fields))


def _with(state: Any, fields: dict[str, Any]) -> Any:
    return state._replace(**fields) if fields else state
