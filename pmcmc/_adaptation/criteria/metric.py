"""The metric, estimated from the draws of a slow phase and the gradients there."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pmcmc._adaptation.criteria.base import (
    Acts,
    Choices,
    Context,
    Criterion,
    Final,
    Window,
    with_tuned,
)
from pmcmc._adaptation.curvature import metric_of_values
from pmcmc._adaptation.estimates import for_precision, metric_of_draws
from pmcmc._adaptation.gradients import gradients_at
from pmcmc._adaptation.rows import Rows, joined, spaced
from pmcmc._adaptation.stationarity import lost_chains
from pmcmc._chain.starts import cast_like
from pmcmc._util.checks import is_among, short
from pmcmc.kernels import Kernel

_MOST_DENSE_DIM = 50  # up to here, matrix products are cheap compared with most log densities
_GRADIENTS = 200  # number of draws of a phase at which gradients are evaluated again
_GRADIENTS_PER_DIM = 4  # or this many times D, for a matrix


class Phase(NamedTuple):
    """The steps of one phase, window by window.

    Args:
        number: of the phase.
        parts: rows of each window.
    """

    number: int
    parts: tuple[Rows, ...]


@dataclass(frozen=True)
class Metric(Criterion):
    """An inverse mass matrix, `"diagonal"` or `"dense"`."""

    kind: str

    tunes = "inverse_mass_matrix"
    acts = Acts.AFTER_SLOW_PHASES
    rows = ("is_accepted",)

    @classmethod
    def of(cls, kernel: Kernel, dim: int, choices: Choices) -> "Metric | None":
        kind = choices.metric
        if not is_among(kind, "auto", "diagonal", "dense", None):
            raise ValueError(
                f"metric must be 'auto', 'diagonal', 'dense' or None, got {short(kind)}: write "
                "metric='auto'."
            )
        if kind not in ("auto", None, *kernel.metrics):
            kinds = " or ".join(repr(name) for name in ("auto", *kernel.metrics, None))
            raise ValueError(
                f"metric must be {kinds} for {type(kernel).__name__}, got {short(kind)}: write "
                "metric='auto'."
            )
        # Without a target acceptance rate, nothing shows whether a metric improves the steps.
        is_tuned = kind is not None and kernel.acceptance_rate_to_aim_at(dim) is not None
        if kind == "auto":
            is_tuned &= bool(kernel.metrics) and kernel.tunable("inverse_mass_matrix") is None
            is_dense = dim <= _MOST_DENSE_DIM and "dense" in kernel.metrics
            kind = "dense" if is_dense else "diagonal"
        return cls(kind) if is_tuned and kind is not None else None

    def prepare(self, kernel: Kernel, dim: int) -> Kernel:
        given = kernel.tunable("inverse_mass_matrix")
        start = np.ones(dim) if given is None else np.asarray(given)
        if self.kind == "dense" and start.ndim == 1:
            start = np.diag(start)
        if self.kind == "diagonal" and start.ndim == 2:
            start = np.diag(start).copy()
        return with_tuned(kernel, inverse_mass_matrix=start)

    def init(self, kernel: Kernel, context: Context) -> tuple[Phase, Kernel]:
        return Phase(0, ()), kernel

    def update(self, state: Phase, kernel: Kernel, window: Window) -> tuple[Phase, Kernel]:
        before = state.parts if window.phase == state.number else ()
        return Phase(window.phase, (*before, window.rows)), kernel

    def final(self, state: Phase, kernel: Kernel, context: Context) -> Final:
        """The kernel with a metric estimated from the steps of a phase.

        With gradients, the estimate does not depend on the distribution of the draws, so repeats
        from rejected steps are left out. If no gradient is finite in a batch, the estimate uses
        the draws with their values, or the draws alone. Lost chains are ignored.
        """
        draws, chains, values = _draws_of(joined(list(state.parts)), kernel.uses_gradient)
        given = np.asarray(kernel.tunable("inverse_mass_matrix"))
        before = given.astype(float)
        gradients = None
        if kernel.uses_gradient and len(draws):
            size = max(_GRADIENTS, _GRADIENTS_PER_DIM * len(before) if before.ndim == 2 else 0)
            draws, gradients = _with_gradients(context, draws, chains, size)
        if len(draws) < 2:
            return Final(state, kernel, "no metric, because too few draws are finite")
        metric, source = None, "draws and the values there"
        if not kernel.uses_gradient and values is not None and before.ndim == 2:
            metric = metric_of_values(draws, values)
        if metric is None:
            metric = metric_of_draws(draws, gradients, before)
            source = "draws" if gradients is None else "draws and the gradients there"
        if metric is None:
            return Final(state, kernel, "no metric, because the chains hardly moved")
        found = for_precision(metric, given.dtype)
        return Final(
            state,
            # In the units of a good metric, length scales are about 1 whatever they were before.
            with_tuned(kernel, inverse_mass_matrix=found, step_size=1.0),
            f"a {self.kind} metric from {len(draws):,} {source}",
            {"n_draws": float(len(draws))},
        )


def _draws_of(rows: Rows, is_accepted: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Finite draws `(n, D)`, accepted steps only if `is_accepted`; their chains and values."""
    draws, values = rows["positions"], rows.get("logdensity")
    is_of_use = np.asarray(np.isfinite(draws).all(axis=2))
    if is_accepted:
        is_of_use &= rows["is_accepted"].astype(bool)
    if values is not None:
        is_of_use[lost_chains(values)] = False
        values = values[is_of_use]
    return draws[is_of_use], np.nonzero(is_of_use)[0], values


def _with_gradients(
    context: Context, draws: np.ndarray, chains: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """At most `size` of the draws, shape `(n, D)`, and the gradients there.

    Draws without a finite gradient are left out; the result is `None` if no draw has one. The mean
    of each chain is subtracted from both: while chains are still on their way, the distance between
    them says nothing about the target.
    """
    chosen = spaced(len(draws), min(size, len(draws)))
    draws, chains = draws[chosen], chains[chosen]
    padded = np.concatenate([draws, np.repeat(draws[:1], size - len(draws), axis=0)])
    there = gradients_at(context.logdensity, cast_like(context.positions, padded))
    gradients = np.asarray(there, float)[: len(draws)]
    is_finite = np.isfinite(gradients).all(axis=1)
    if not is_finite.any():
        return draws, None
    chains = chains[is_finite]
    return _centered(draws[is_finite], chains), _centered(gradients[is_finite], chains)


def _centered(rows: np.ndarray, chains: np.ndarray) -> np.ndarray:
    """Rows `(n, D)` minus the mean of the rows of the same chain."""
    _, places, counts = np.unique(chains, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), rows.shape[1]))
    np.add.at(sums, places, rows)
    return rows - (sums / counts[:, None])[places]
