"""Chains that do not reach the bulk of the target by themselves, and where to restart them.

All chains share one step size, so a chain on a steep slope far away keeps it small, and creeps. A
climb from there takes few evaluations. A bound on the mass around its end says how good that is.
"""

import math
from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._adaptation.gradients import gradients_at
from pmcmc._adaptation.rows import Rows, spaced
from pmcmc._adaptation.stationarity import is_climbing, lost_chains
from pmcmc._chain.mode import Summit, climb_all
from pmcmc._chain.starts import cast_like
from pmcmc._util.programs import jit_of_function

_MOST_DIM = 200  # climbs hold matrices, and in more dimensions normals fit poorly
_N_DRAWS = 16  # of a normal around the end of a climb, as wide as its curvature or narrower
_WIDTHS = (1.0, 0.1, 0.01)
_NO_MASS = 10.0  # a mode has no mass if its log mass is this far below the best


class Rescue(NamedTuple):
    """Where chains continue.

    Args:
        positions: shape `(chain, D)`.
        is_moved: which chains were moved, shape `(chain,)`.
    """

    positions: jax.Array
    is_moved: np.ndarray


def rescue(logdensity: Any, positions: jax.Array, rows: Rows) -> Rescue | None:
    """Move chains that are lost or still climbing to the end of a climb; `None` if there are none.

    A chain moves only if there is more mass around its goal than around the chain so far. And the
    goal must not be much narrower, unless another chain has arrived there. So no chain leaves the
    wide part of a funnel for its neck, where the densities of many hierarchical models grow without
    bound. The mass around a chain is its mean log density plus the entropy of a normal with its
    variances. That overestimates the mass if the chain has arrived, and leaves out what it has not
    seen if it is on its way. The goal is the end of the chain's own climb, unless the mode there
    has negligible mass compared with the end of another climb.

    Args:
        logdensity: of a flat position.
        positions: the current ones, shape `(chain, D)`.
        rows: recent steps, see `pmcmc._adaptation.rows`, including `"logdensity"`.
    """
    levels, (n_chains, dim) = rows["logdensity"], positions.shape
    is_stray = lost_chains(levels) | is_climbing(levels, dim)
    if not is_stray.any() or dim > _MOST_DIM:
        return None
    try:
        summits = jax.tree.map(np.asarray, climb_all(logdensity, positions))
        masses = _log_masses(logdensity, positions, summits)
        is_narrower = _is_narrower(logdensity, positions, summits.covariance, rows)
    except Exception:  # of any kind: a climb may evaluate where no chain would go
        return None
    best = int(np.argmax(masses))
    goals = np.where(masses < masses[best] - _NO_MASS, best, np.arange(n_chains))
    is_moved = is_stray & (masses[goals] > _log_masses_seen(rows))
    has_arrived = ~is_stray & ~np.diagonal(is_narrower)
    is_moved &= has_arrived[goals] | ~is_narrower[np.arange(n_chains), goals]
    if not is_moved.any():
        return None
    found = np.where(is_moved[:, None], summits.position[goals], np.asarray(positions))
    return Rescue(cast_like(positions, found), is_moved)


def follow(positions: jax.Array, rows: Rows) -> Rescue | None:
    """Move lost chains to the chain with the most mass around it; `None` if there are none.

    For kernels without gradients, which cannot climb. A chain stays where it is if there is about
    as much mass around it.

    Args:
        positions: the current ones, shape `(chain, D)`.
        rows: recent steps, including `"logdensity"`.
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
    return Rescue(cast_like(positions, np.where(is_moved[:, None], places[best], places)), is_moved)


def _log_masses(logdensity: Any, positions: jax.Array, summits: Summit) -> np.ndarray:
    """A lower bound on the log mass around each summit, `-inf` if there is none.

    It is a Monte Carlo estimate of the evidence lower bound of a normal there. Pathfinder (Zhang,
    Carpenter, Gelman & Vehtari, 2022) compares places on the way to a mode by the same bound.
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
            levels = np.asarray(_values(logdensity, cast_like(positions, draws)))
            entropy = _entropy(np.log(width**2 * values).sum(axis=1), dim)
            masses = np.fmax(masses, levels.astype(float).mean(axis=1) + entropy)
    return np.where(np.isfinite(masses) & is_finite[:, 0, 0], masses, -np.inf)


def _is_narrower(
    logdensity: Any, positions: jax.Array, covariances: np.ndarray, rows: Rows
) -> np.ndarray:
    """Whether goals are much narrower than where chains are, by `exp(D)` or more in volume.

    The mean square of a gradient is the inverse of a variance for a chain that has arrived, and
    more than that for one on its way to something normal. A neck is narrower still.

    Args:
        logdensity: of a flat position.
        positions: the current ones, shape `(chain, D)`.
        covariances: at the goals, shape `(goal, D, D)`.
        rows: recent steps of the chains.

    Returns:
        Shape `(chain, goal)`.
    """
    draws = rows["positions"]
    some = draws[:, spaced(draws.shape[1], _N_DRAWS)]
    slopes = gradients_at(logdensity, cast_like(positions, some.reshape(-1, some.shape[-1])))
    slopes = np.asarray(slopes, float).reshape(some.shape)
    with np.errstate(all="ignore"):
        squares = np.mean(slopes**2, axis=1)[:, None]
        variances = np.diagonal(covariances, axis1=1, axis2=2)
        # A gradient of zero says nothing about the width.
        here = np.log(np.where(squares > 0, 1 / squares, variances)).sum(axis=2)
        there = np.linalg.slogdet(covariances)[1]
        return np.asarray((here - there) / 2 > draws.shape[2])


def _log_masses_seen(rows: Rows) -> np.ndarray:
    """The log mass around the recent steps of each chain, an overestimate if it has arrived."""
    draws, levels = rows["positions"].astype(float), rows["logdensity"].astype(float)
    with np.errstate(all="ignore"):
        masses = levels.mean(axis=1) + _entropy(
            np.log(draws.var(axis=1)).sum(axis=1), draws.shape[2]
        )
    return np.where(np.isnan(masses), -np.inf, masses)


def _entropy(log_determinant: np.ndarray, dim: int) -> np.ndarray:
    """Entropy of a normal."""
    return np.asarray(log_determinant / 2 + dim / 2 * (1 + math.log(2 * math.pi)))


@jit_of_function()
def _values(logdensity: Any, positions: jax.Array) -> jax.Array:
    return jax.vmap(jax.vmap(logdensity))(positions)
