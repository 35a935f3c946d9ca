"""Arguments of a model, kept as they were when it was called."""

import copy
from typing import Any

import jax
import numpy as np


def kept(arguments: Any) -> Any:
    """A copy of arguments, which does not change where a user changes theirs.

    NumPy arrays in the copy cannot be written to. Other objects are copied deeply; what cannot be,
    such as an open file, stays the same object.

    Args:
        arguments: pytree of arrays and objects.
    """
    memo: dict[int, Any] = {}

    def copied(leaf: Any) -> Any:
        if isinstance(leaf, jax.Array):
            return leaf
        try:
            duplicate = copy.deepcopy(leaf, memo)
        except Exception:
            return leaf
        if isinstance(leaf, np.ndarray) and hasattr(leaf, "__dict__"):
            # Of a subclass, whose attributes NumPy does not copy.
            vars(duplicate).update(copy.deepcopy(vars(leaf), memo))
        if type(duplicate) is np.ndarray and not duplicate.dtype.hasobject:
            duplicate.setflags(write=False)
        return duplicate

    return jax.tree.map(copied, arguments)
