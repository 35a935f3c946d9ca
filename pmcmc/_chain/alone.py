"""The gradient of one chain, without an axis of chains."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import jax

from pmcmc._chain.density import FlatLogDensity
from pmcmc._util.jaxprs import contents_of


@dataclass(frozen=True)
class Alone:
    """A log density whose gradient takes no batch axis where the batch is of one.

    In a batch, a `while` loop such as that of an adaptive solver selects in every round, for every
    number that it carries, whether the element of the batch has finished. Only the gradient goes
    without the axis: if states did too, XLA might round what is stored and what goes on
    differently. Gradients without it cannot be differentiated again in reverse mode.
    """

    logdensity: FlatLogDensity

    def __call__(self, position: jax.Array) -> jax.Array:
        return self.logdensity(position)

    def value_and_grad(self, position: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Value and gradient `(D,)` at a flat position."""

        def evaluate(position: jax.Array, data: Any) -> Any:
            return dataclasses.replace(self.logdensity, data=data).value_and_grad(position)

        def in_batch(size: int, are_batched: Any, *given: Any) -> Any:
            has_axis = tuple(are_batched)
            if size > 1:
                axes = jax.tree.map(lambda has: 0 if has else None, has_axis)
                return jax.vmap(evaluate, axes)(*given), (True, True)
            only = jax.tree.map(lambda has, x: x[0] if has else x, has_axis, given)
            return jax.tree.map(lambda x: x[None], evaluate(*only)), (True, True)

        alone = jax.custom_batching.custom_vmap(evaluate)
        alone.def_vmap(in_batch)
        result: tuple[jax.Array, jax.Array] = alone(position, self.logdensity.data)
        return result


def in_batch_of(n_chains: int, logdensity: Any, position: jax.ShapeDtypeStruct) -> Any:
    """The log density as programs that only evaluate it, for `n_chains` at once, should see it.

    Args:
        n_chains: number of chains in a program.
        logdensity: a `FlatLogDensity`, or `None`.
        position: shape and dtype of a flat position.
    """
    if n_chains > 1 or logdensity is None:
        return logdensity
    has_while = contents_of(jax.make_jaxpr(logdensity)(position)).has_while
    return Alone(logdensity) if has_while else logdensity
