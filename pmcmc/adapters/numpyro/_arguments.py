"""Arguments of a model, kept as they were and compared by value."""

from typing import Any

import jax
import numpy as np

_VALUES = (bool, int, float, complex, str, bytes, type(None))


class Arguments:
    """A pytree of what a model was called with.

    Two are equal if their arrays hold the same numbers, so that what was compiled for one is found
    for the other. NumPy arrays are copied: what a user writes into them later is not seen. Objects
    other than arrays and plain values are compared by identity.

    Args:
        tree: of arrays, values and objects.
    """

    def __init__(self, tree: Any) -> None:
        leaves, treedef = jax.tree.flatten(tree)
        self._treedef: Any = treedef
        self._leaves = [_frozen(leaf) for leaf in leaves]

    @property
    def tree(self) -> Any:
        """The pytree; its NumPy arrays cannot be written to."""
        return jax.tree.unflatten(self._treedef, self._leaves)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Arguments) or self._treedef != other._treedef:
            return False
        return all(map(_is_same, self._leaves, other._leaves))

    def __hash__(self) -> int:
        return hash((self._treedef, *map(_key, self._leaves)))

    def __repr__(self) -> str:
        return f"Arguments({jax.tree.map(_key, self.tree)})"


def _frozen(leaf: Any) -> Any:
    if not isinstance(leaf, np.ndarray):
        return leaf
    copy = leaf.copy()
    copy.setflags(write=False)
    return copy


def _key(leaf: Any) -> Any:
    """What equal leaves have in common, cheaply."""
    if isinstance(leaf, np.ndarray | jax.Array):
        return (leaf.shape, str(leaf.dtype))
    return (type(leaf), leaf) if isinstance(leaf, _VALUES) else id(leaf)


def _is_same(first: Any, second: Any) -> bool:
    if first is second:
        return True
    if type(first) is not type(second) or _key(first) != _key(second):
        return False
    if not isinstance(first, np.ndarray | jax.Array):
        return isinstance(first, _VALUES)
    return _bytes(first) == _bytes(second)


def _bytes(array: np.ndarray | jax.Array) -> bytes:
    is_key = jax.numpy.issubdtype(array.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(array) if is_key else array).tobytes()
