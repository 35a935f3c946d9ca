"""Functions of one draw, applied to all draws of all chains in chunks of equal size."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

_CHUNK = 512


class OverDraws:
    """A function of one draw, applied to many; its compiled code is freed with this object.

    Args:
        function: of one draw, under `jax.jit`.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._of_rows = jax.jit(jax.vmap(function))

    def __call__(self, draws: Any) -> Any:
        """Apply the function to every draw; results come back on the host.

        Device memory holds one chunk of draws and of results at a time.

        Args:
            draws: pytree with leaves `(chain, draw, *event)`.

        Returns:
            The pytree that the function returns, NumPy leaves with leading axes `(chain, draw)`.
        """
        n_chains, n_draws = np.shape(jax.tree.leaves(draws)[0])[:2]
        n_rows = n_chains * n_draws
        rows = jax.tree.map(lambda leaf: leaf.reshape(n_rows, *leaf.shape[2:]), draws)
        parts = []
        for start in range(0, n_rows, _CHUNK):
            # The last chunk is padded with its last row, so that all have the same shape.
            chunk = np.minimum(np.arange(start, start + _CHUNK), n_rows - 1)
            out = self._of_rows(jax.tree.map(lambda leaf: leaf[chunk], rows))  # noqa: B023
            size = min(_CHUNK, n_rows - start)
            parts.append(jax.tree.map(lambda leaf: np.asarray(leaf)[:size], out))  # noqa: B023

        def joined(*leaves: np.ndarray) -> np.ndarray:
            table = np.concatenate(leaves)
            return table.reshape(n_chains, n_draws, *table.shape[1:])

        return jax.tree.map(joined, *parts)
