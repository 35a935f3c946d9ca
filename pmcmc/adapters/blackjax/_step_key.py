"""The key of a step as an array of noise that draws the same bits under `vmap` as in a loop."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_batching import custom_vmap

from pmcmc._util.keys import can_be_batched
from pmcmc._util.pytree import Pytree


class StepKey(Pytree, static=("implementation",)):
    """One key or several as an array of numbers that can be stored and used many times.

    Args:
        data: data of the keys.
        implementation: implementation of typed keys; `None` for raw keys.
    """

    data: Any
    implementation: Any

    @classmethod
    def of(cls, key: jax.Array) -> "StepKey":
        """The step keys of keys from users."""
        if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
            return cls(jax.random.key_data(key), jax.random.key_impl(key))
        return cls(key, None)

    @property
    def key(self) -> jax.Array:
        """The keys themselves, typed or raw as before."""
        if self.implementation is None:
            return self.data
        return jax.random.wrap_key_data(self.data, impl=self.implementation)

    @property
    def is_batched_faithfully(self) -> bool:
        """Whether `jax.vmap` over keys draws the same numbers as each key alone."""
        # Raw keys have JAX's default implementation.
        return can_be_batched(self.implementation or jax.random.key_impl(jax.random.key(0)))

    def rows(self) -> list["StepKey"]:
        """The single keys."""
        return [StepKey(row, self.implementation) for row in self.data]

    def split(self, n_keys: int) -> "StepKey":
        """Split a key like `jax.random.split`."""
        data = self.use(lambda key: StepKey.of(jax.random.split(key, n_keys)).data)
        return StepKey(data, self.implementation)

    def use(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """`function(key, *arguments)`, with the same draws under `vmap`.

        If keys are not batched faithfully (for `"rbg"` keys, JAX uses only the first one), `vmap`
        becomes a loop.
        """
        if self.is_batched_faithfully:
            return function(self.key, *arguments)
        return _row_by_row(
            lambda data, *rest: function(StepKey(data, self.implementation).key, *rest),
            self.data,
            *arguments,
        )


def _row_by_row(function: Callable[..., Any], *arguments: Any) -> Any:
    """`function(*arguments)`; `vmap` maps it in a loop, also under differentiation.

    `custom_vmap` alone has no derivative that could be mapped.
    """
    leaves, treedef = jax.tree.flatten(arguments)
    is_float = [_is_float(leaf) for leaf in leaves]

    def call(floats: list[Any], others: list[Any]) -> Any:
        rest, numbers = iter(others), iter(floats)
        rows = [next(numbers) if keep else next(rest) for keep in is_float]
        return function(*jax.tree.unflatten(treedef, rows))

    serial = jax.custom_jvp(_mapped_in_a_loop(call))

    @serial.defjvp
    def derivative(primals: Any, tangents: Any) -> tuple[Any, Any]:
        def change(directions: list[Any], floats: list[Any], others: list[Any]) -> list[Any]:
            _, out = jax.jvp(lambda x: call(x, others), (floats,), (directions,))
            # Tangents of non-floats have dtype float0, which no loop can return.
            return [x for x in jax.tree.leaves(out) if x.dtype != jax.dtypes.float0]

        # Separate, as `jax.jacfwd` requires: it does not depend on the directions.
        out = serial(*primals)
        changes = iter(_mapped_in_a_loop(change)(tangents[0], *primals))
        return out, jax.tree.map(
            lambda x: next(changes) if _is_float(x) else np.zeros(x.shape, jax.dtypes.float0), out
        )

    floats = [leaf for leaf, keep in zip(leaves, is_float, strict=True) if keep]
    others = [leaf for leaf, keep in zip(leaves, is_float, strict=True) if not keep]
    return serial(floats, others)


def _mapped_in_a_loop(function: Callable[..., Any]) -> Any:
    mapped = custom_vmap(function)

    @mapped.def_vmap
    def rule(n_rows: int, is_batched: Any, *arguments: Any) -> tuple[Any, Any]:
        rows = jax.tree.map(
            lambda x, has_axis: x if has_axis else jnp.broadcast_to(x, (n_rows, *jnp.shape(x))),
            arguments,
            tuple(is_batched),
        )
        # If batched twice, over chains and steps, it is a loop in a loop.
        out = lax.map(lambda row: _mapped_in_a_loop(function)(*row), rows)
        return out, jax.tree.map(lambda _: True, out)

    return mapped


def _is_float(leaf: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(leaf), jnp.floating)
