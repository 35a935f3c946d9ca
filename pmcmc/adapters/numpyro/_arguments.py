"""Copies of a model's arguments as they were in the call."""

import copy
from typing import Any

import jax
import numpy as np


def kept(arguments: Any) -> Any:
    """A copy of arguments, which does not change if the user changes the originals.

    NumPy arrays in the copy are read-only. Other objects are copied deeply; an object that cannot
    be copied, such as an open file, is kept.

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
            # NumPy does not copy the attributes of a subclass.
            vars(duplicate).update(copy.deepcopy(vars(leaf), memo))
        if type(duplicate) is np.ndarray and not duplicate.dtype.hasobject:
            duplicate.setflags(write=False)
        return duplicate

    return jax.tree.map(copied, arguments)
