"""Functions of one draw, applied to all draws of all chains in chunks of one size."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

_CHUNK = 512


def map_draws(function: Callable[[Any], Any], draws: Any) -> Any:
    """Apply a function to every draw; results come back on the host.

    Device memory holds one chunk of draws and of results at a time.

    Args:
        function: of one draw; hashable, for its compiled code to be found again.
        draws: pytree with leaves `(chain, draw, *event)`.

    Returns:
        The pytree that `function` returns, NumPy leaves with leading axes `(chain, draw)`.
    """
    n_chains, n_draws = np.shape(jax.tree.leaves(draws)[0])[:2]
    rows = jax.tree.map(lambda leaf: leaf.reshape(n_chains * n_draws, *leaf.shape[2:]), draws)
    parts = []
    for start in range(0, n_chains * n_draws, _CHUNK):
        # The last chunk is filled up with its last row, so that all have one shape.
        chunk = np.minimum(np.arange(start, start + _CHUNK), n_chains * n_draws - 1)
        out = _of_rows(function, jax.tree.map(lambda leaf: leaf[chunk], rows))  # noqa: B023
        n_rows = min(_CHUNK, n_chains * n_draws - start)
        parts.append(jax.tree.map(lambda leaf: np.asarray(leaf)[:n_rows], out))  # noqa: B023

    def joined(*leaves: np.ndarray) -> np.ndarray:
        table = np.concatenate(leaves)
        return table.reshape(n_chains, n_draws, *table.shape[1:])

    return jax.tree.map(joined, *parts)


@functools.partial(jax.jit, static_argnums=0)
def _of_rows(function: Callable[[Any], Any], rows: Any) -> Any:
    return jax.vmap(function)(rows)
