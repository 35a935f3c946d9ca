"""What is kept of each draw."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from pmcmc._chain.problem import Problem
from pmcmc._chain.starts import device_of
from pmcmc._util.checks import check_hashable, first_line, short
from pmcmc._util.programs import jit_of_function, weakly_referable

MOMENTS = "moments"
_BLOCK = 256  # positions per call, whatever the number of draws: one program serves all


def check_keep(keep: Any) -> None:
    """Raise unless `keep` is a function, `"moments"` or `None`."""
    is_name = isinstance(keep, str)
    if keep is None or (is_name and keep == MOMENTS) or (callable(keep) and not is_name):
        return
    raise ValueError(
        "keep must be a function of the position, 'moments' or None for all of it, got "
        f"{short(keep)}: write e.g. keep=lambda x: x['a']."
    )


def keeper(keep: Any, problem: Problem) -> Callable[[np.ndarray], Any]:
    """A map from flat positions `(chain, n, D)` to what is kept, leaves `(chain, n, *event)`.

    Raises:
        ValueError: the function does not fit the positions.
    """
    if keep is None or isinstance(keep, str):
        return problem.unravel
    check_hashable("keep", keep, "x")
    try:
        kept = jax.eval_shape(keep, problem.layout)
    except Exception as error:
        raise ValueError(
            f"keep could not be traced by JAX at a position like x0 ({first_line(error)}): write "
            "it with jax.numpy, of one argument of the structure and shape of x0."
        ) from error
    leaves = jax.tree.leaves(kept)
    if not leaves or not all(hasattr(leaf, "dtype") for leaf in leaves):
        raise ValueError(
            f"keep must return arrays, got {short(kept)}: write e.g. keep=lambda x: x['a'], or "
            "keep='moments' to keep no draws."
        )
    return _Kept(keep, problem)


def no_rows(keep: Any, problem: Problem) -> Any:
    """What is kept of zero draws: leaves `(chain, 0, *event)`."""
    layout = (
        problem.layout
        if keep is None or isinstance(keep, str)
        else jax.eval_shape(keep, problem.layout)
    )
    n_chains = len(problem.positions)
    return jax.tree.map(lambda x: np.empty((n_chains, 0, *x.shape), x.dtype), layout)


@dataclasses.dataclass(frozen=True)
class _OfFlat:
    """A user's function of a position, for flat positions; see `jit_of_function`."""

    function: Callable[[Any], Any]
    unravel: Callable[[jax.Array], Any]


@jit_of_function()
def _of_block(keep: _OfFlat, positions: jax.Array) -> Any:
    return jax.vmap(lambda flat: keep.function(keep.unravel(flat)))(positions)


class _Kept:
    """A function of one position, applied to many at once."""

    def __init__(self, keep: Callable[[Any], Any], problem: Problem) -> None:
        self._device = device_of(problem.positions)
        self._keep = _OfFlat(weakly_referable(keep), problem.unravel_one)

    def __call__(self, positions: np.ndarray) -> Any:
        n_chains, n, dim = positions.shape
        rows = positions.reshape(-1, dim)
        n_blocks = max(1, -(-len(rows) // _BLOCK))
        padded = np.zeros((n_blocks * _BLOCK, dim), positions.dtype)
        padded[: len(rows)] = rows
        padded[len(rows) :] = rows[-1] if len(rows) else 0.0
        blocks = np.split(padded, n_blocks)
        kept = [_of_block(self._keep, jax.device_put(block, self._device)) for block in blocks]

        def joined(*parts: Any) -> np.ndarray:
            table = np.concatenate([np.asarray(part) for part in parts])[: len(rows)]
            return table.reshape(n_chains, n, *table.shape[1:])

        return jax.tree.map(joined, *kept)
