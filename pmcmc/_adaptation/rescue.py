"""Chains that do not get to the mass by themselves, and where they should go on.

With one step size for all, a chain on a steep slope far away keeps it small, and creeps. A climb
from there takes few evaluations; where it ends is judged by a bound on the mass around it.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._adaptation.rows import Rows
from pmcmc._adaptation.stationarity import is_climbing, lost_chains
from pmcmc._chain.mode import Summit, climb_all
from pmcmc._util.programs import jit_of_function

_MOST_DIM = 200  # climbs hold matrices, and normals around their ends hardly fit beyond
_N_DRAWS = 16  # of a normal around the end of a climb, as wide as its curvature says or less
_WIDTHS = (1.0, 0.1, 0.01)
_NO_MASS = 10.0  # difference of the logarithms of masses, from which on a mode has none


class Rescue(NamedTuple):
    """Where chains go on.

    Args:
        positions: shape `(chain, D)`.
        is_moved: which chains go on elsewhere, shape `(chain,)`.
    """

    positions: jax.Array
    is_moved: np.ndarray


def rescue(logdensity: Any, positions: jax.Array, rows: Rows) -> Rescue | None:
    """Send chains that are lost, or still climb, to where a climb leads; `None` if there are none.

    A chain is sent away only if there is more mass around its goal than what it has seen: its mean
    log density and the entropy of a normal with its variances, which is too much for a chain on its
    way. So no chain leaves the wide part of a funnel for its neck. Its goal is the end of its own
    climb, unless the mode there has no mass beside that of another climb.

    Args:
        logdensity: of a flat position.
        positions: last ones of the chains, shape `(chain, D)`.
        rows: steps before, see `pmcmc._adaptation.rows`, `"logdensity"` among them.
    """
    levels, (n_chains, dim) = rows["logdensity"], positions.shape
    is_stray = lost_chains(levels) | is_climbing(levels, dim)
    if not is_stray.any() or dim > _MOST_DIM:
        return None
    try:
        summits = jax.tree.map(np.asarray, climb_all(logdensity, positions))
        masses = _log_masses(logdensity, summits)
    except Exception:  # of whatever kind: chains may never come to where a climb does
        return None
    best = int(np.argmax(masses))
    goals = np.where(masses < masses[best] - _NO_MASS, best, np.arange(n_chains))
    is_moved = is_stray & (masses[goals] > _log_masses_seen(rows))
    if not is_moved.any():
        return None
    found = np.where(is_moved[:, None], summits.position[goals], np.asarray(positions))
    return Rescue(_like(positions, found), is_moved)


def follow(positions: jax.Array, rows: Rows) -> Rescue | None:
    """Send chains that are lost to the chain that has seen most mass; `None` if there are none.

    For kernels without gradients, which have none to climb by. As above, a chain stays where it has
    seen about as much mass itself.

    Args:
        positions: last ones of the chains, shape `(chain, D)`.
        rows: steps before, `"logdensity"` among them.
    """
    is_lost = lost_chains(rows["logdensity"])
    if not is_lost.any():
        return None
    masses = _log_masses_seen(rows)
    best = int(np.argmax(masses))
    is_moved = is_lost & (masses < masses[best] - _NO_MASS)
    if not is_moved.any():
        return None
    places = np.asarray(positions)
    return Rescue(_like(positions, np.where(is_moved[:, None], places[best], places)), is_moved)


def _like(positions: jax.Array, found: np.ndarray) -> jax.Array:
    """What was found, where the positions are and of their type."""
    device = positions.device if positions.committed else None
    return jax.device_put(found.astype(positions.dtype), device)


def _log_masses(logdensity: Any, summits: Summit) -> np.ndarray:
    """A lower bound on the logarithm of the mass around each summit, `-inf` where there is none.

    The evidence lower bound of a normal there, by draws (Zhang, Carpenter, Gelman & Vehtari,
    "Pathfinder", 2022, compare places on the way to a mode so).
    """
    dim = summits.position.shape[1]
    normals = np.random.default_rng(0).normal(size=(_N_DRAWS, dim))
    with np.errstate(all="ignore"):
        is_finite = np.asarray(np.isfinite(summits.covariance).all(axis=(1, 2)))[:, None, None]
        values, vectors = np.linalg.eigh(np.where(is_finite, summits.covariance, np.eye(dim)))
        roots = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
        masses = np.full(len(values), -np.inf)
        for width in _WIDTHS:
            draws = summits.position[:, None] + width * normals @ np.swapaxes(roots, 1, 2)
            levels = np.asarray(_values(logdensity, jnp.asarray(draws, summits.position.dtype)))
            entropy = _entropy(np.log(width**2 * values).sum(axis=1), dim)
            masses = np.fmax(masses, levels.astype(float).mean(axis=1) + entropy)
    return np.where(np.isfinite(masses) & is_finite[:, 0, 0], masses, -np.inf)


def _log_masses_seen(rows: Rows) -> np.ndarray:
    """The same for what each chain has seen, at the most."""
    draws, levels = rows["positions"].astype(float), rows["logdensity"].astype(float)
    with np.errstate(all="ignore"):
        masses = levels.mean(axis=1) + _entropy(
            np.log(draws.var(axis=1)).sum(axis=1), draws.shape[2]
        )
    return np.where(np.isnan(masses), -np.inf, masses)


def _entropy(log_determinant: np.ndarray, dim: int) -> np.ndarray:
    """Of a normal."""
    return np.asarray(log_determinant / 2 + dim / 2 * (1 + math.log(2 * math.pi)))


@jit_of_function()
def _values(logdensity: Any, positions: jax.Array) -> jax.Array:
    return jax.vmap(jax.vmap(logdensity))(positions)
