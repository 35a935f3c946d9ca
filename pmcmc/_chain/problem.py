"""What is to be sampled, from where."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._chain.density import FlatLogDensity
from pmcmc._util.jaxprs import Contents, contents_of
from pmcmc._util.programs import jit_of_function, memory_of
from pmcmc.kernels import Kernel


class Problem(NamedTuple):
    """What is to be sampled, from where.

    Args:
        logdensity: of a flat position `(D,)`, `None` if there is none.
        positions: starts, shape `(chain, D)`, on the user's device.
        unravel_one: maps a flat position to the user's structure, under `jax.jit`.
        layout: shapes and dtypes of one position in the user's structure.
        has_chain_axis: whether the user's positions have a leading chain axis.
        gradient_seconds: time of a gradient by mode, if both were timed, for as many chains as are
            in one program.
    """

    logdensity: FlatLogDensity | None
    positions: jax.Array
    unravel_one: Callable[[jax.Array], Any]
    layout: Any
    has_chain_axis: bool
    gradient_seconds: Mapping[str, float] = MappingProxyType({})

    def gradient_mode(self, kernel: Kernel) -> str | None:
        """The mode of the gradient of the log density; `None` if the kernel uses no gradient."""
        if self.logdensity is None or not kernel.uses_gradient:
            return None
        return self.logdensity.gradient_mode

    @property
    def device(self) -> Any:
        """The device of the positions."""
        return self.positions.device

    def unravel(self, flat: np.ndarray) -> Any:
        """Map flat positions `(*axes, D)` to the user's pytree, leaves `(*axes, *event)`.

        On the host, since a whole chain may not fit on the device.
        """
        leaves, treedef = jax.tree.flatten(self.layout)
        ends = np.cumsum([leaf.size for leaf in leaves])
        parts = np.split(flat, ends[:-1], axis=-1)
        events = [
            part.reshape(*flat.shape[:-1], *leaf.shape).astype(leaf.dtype, copy=False)
            for part, leaf in zip(parts, leaves, strict=True)
        ]
        return jax.tree.unflatten(treedef, events)


def contents(problem: Problem) -> Contents:
    """The contents of the log density, as far as JAX can see them."""
    if problem.logdensity is None:
        return Contents(has_loop=False, has_callback=False)
    known, position = memory_of(problem.logdensity, contents), problem.positions[0]
    kind = (position.shape, position.dtype)
    if kind not in known:
        known[kind] = contents_of(jax.make_jaxpr(problem.logdensity)(position))
    found: Contents = known[kind]
    return found


@jit_of_function()
def init_states(logdensity: FlatLogDensity | None, kernel: Kernel, positions: jax.Array) -> Any:
    """States of the kernel at flat positions `(chain, D)`."""
    return jax.vmap(lambda position: kernel.init(logdensity, position))(positions)


def with_dtype(tree: Any, dtype: Any) -> Any:
    """A kernel, or another pytree, with all numbers cast to one dtype.

    Compiled code is reused only for arguments of the same dtypes. Kernels are cast when a task is
    made; code that changes them later must keep the dtype.
    """

    def cast(leaf: Any) -> Any:
        array = np.asarray(leaf)
        if np.issubdtype(array.dtype, np.floating):
            array = array.astype(dtype, copy=False)
        return array if array.ndim else array[()]

    with np.errstate(over="ignore"):  # the kernel checks its hyperparameters
        return jax.tree.map(cast, tree)


def exported_state(problem: Problem, kernel: Kernel, positions: jax.Array) -> Any:
    """The kernel's state at positions `(chain, D)`; its vectors get the structure of `x0`."""

    def unravel(leaf: jax.Array) -> Any:
        array = np.asarray(leaf)
        tree = problem.unravel(array) if array.shape == positions.shape else array
        return tree if problem.has_chain_axis else jax.tree.map(lambda x: x[0], tree)

    return jax.tree.map(unravel, init_states(problem.logdensity, kernel, positions))
