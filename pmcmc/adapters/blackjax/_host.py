"""From the device to the host, or the replacement for it inside another program."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def nan_unless(is_found: jax.Array, tree: Any) -> Any:
    """The tree, with NaN for its floats unless `is_found`: a program cannot raise an error."""

    def judge(leaf: jax.Array) -> jax.Array:
        is_float = jnp.issubdtype(leaf.dtype, jnp.floating)
        # NumPy's NaN: `jax_debug_nans` rejects JAX's, even if it is not used.
        return jnp.where(is_found, leaf, np.array(np.nan, leaf.dtype)) if is_float else leaf

    return jax.tree.map(judge, tree)


def is_traced(tree: Any) -> bool:
    """Whether this is inside another program, so that some numbers are not known."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def on_host(leaf: jax.Array) -> Any:
    """The numbers on the host; keys and unknown numbers stay unchanged."""
    is_number = not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(leaf) if is_number and not is_traced(leaf) else leaf


def joined(*leaves: Any) -> Any:
    """The leaves, concatenated."""
    are_on_host = all(isinstance(leaf, np.ndarray) for leaf in leaves)
    return (np.concatenate if are_on_host else jnp.concatenate)(leaves)
