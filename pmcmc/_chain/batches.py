"""Log densities that are finite alone but not in a batch, as happens with host callbacks."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._chain.problem import init_states
from pmcmc._chain.segment import Segment
from pmcmc._util.callers import warn_user

_LEAST_STEPS = 16  # shorter segments say nothing
_ROWS = 32  # about as many as in a window


def warn_of_batches(logdensity: Any, kernel: Any, positions: jax.Array, segment: Segment) -> None:
    """Warn of chains that do not move because their log density is not finite in a batch.

    If every proposal was rejected, it evaluates the log density at the start of the chain once
    more: alone, and in a batch of as many copies as a window has rows.

    Args:
        logdensity: of a flat position, `None` if there is none.
        kernel: for flat positions.
        positions: starts, shape `(chain, D)`.
        segment: the steps from there, by sweeps.
    """
    accepted = segment.stats.get("is_accepted")
    if logdensity is None or accepted is None or accepted.shape[1] < _LEAST_STEPS:
        return
    chains = [
        int(chain)
        for chain in np.flatnonzero(~accepted.any(axis=1))
        if _is_finite(logdensity, kernel, positions[chain], 1)
        and not _is_finite(logdensity, kernel, positions[chain], _ROWS)
    ]
    if chains:
        names = ", ".join(map(str, chains))
        warn_user(
            f"logdensity is finite for chain {names} alone but not in a batch, so no proposal is "
            "accepted there: write solver='sequential' and chain_method='sequential', or fix its "
            "rule for batches (vmap_method)."
        )


def _is_finite(logdensity: Any, kernel: Any, position: jax.Array, n_copies: int) -> bool:
    copies = jnp.repeat(position[None], n_copies, axis=0)
    return bool(np.isfinite(init_states(logdensity, kernel, copies).logdensity).all())
