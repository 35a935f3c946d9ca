"""The metric, from the draws of a slow phase and from the gradients there."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
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
from pmcmc._adaptation.estimates import (
    LEAST_PLACES,
    dense_estimate,
    diagonal_estimate,
    for_precision,
)
from pmcmc._chain.density import FlatLogDensity
from pmcmc._util.checks import is_among, short
from pmcmc._util.programs import jit_of_function
from pmcmc.kernels import Kernel, value_and_grad

_MOST_DENSE_DIM = 50  # products with a matrix stay cheap beside most log densities
_GRADIENTS = 200  # draws of a phase at which gradients are evaluated again, or
_GRADIENTS_PER_DIM = 4  # times D for a matrix


class Draws(NamedTuple):
    """Draws of the windows of one phase.

    Args:
        phase: its number.
        parts: shape `(chain, step, D)` each.
        is_accepted: shape `(chain, step)` each.
    """

    phase: int
    parts: tuple[np.ndarray, ...]
    is_accepted: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Metric(Criterion):
    """An inverse mass matrix of a kind, `"diagonal"` or `"dense"`."""

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
        # Without an acceptance rate to aim at nothing tells whether a metric made steps better.
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

    def init(self, kernel: Kernel, context: Context) -> tuple[Draws, Kernel]:
        return Draws(0, (), ()), kernel

    def update(self, state: Draws, kernel: Kernel, window: Window) -> tuple[Draws, Kernel]:
        if window.phase != state.phase:
            state = Draws(window.phase, (), ())
        parts = (*state.parts, window.rows["positions"])
        is_accepted = (*state.is_accepted, window.rows["is_accepted"])
        return Draws(state.phase, parts, is_accepted), kernel

    def final(self, state: Draws, kernel: Kernel, context: Context) -> Final:
        """The kernel with a metric estimated from the steps of a phase.

        Where the gradients there are known the estimate does not depend on the distribution of
        the draws, and repeats of rejected steps would only be evaluated again. Where none is
        finite, evaluated in a batch, the draws alone have to do.
        """
        draws = np.concatenate(state.parts, axis=1)
        if kernel.uses_gradient:
            draws = draws[np.concatenate(state.is_accepted, axis=1)]
        draws = draws.reshape(-1, draws.shape[-1])
        draws = draws[np.isfinite(draws).all(axis=1)]
        given = np.asarray(kernel.tunable("inverse_mass_matrix"))
        before = given.astype(float)
        gradients = None
        if kernel.uses_gradient and len(draws):
            size = max(_GRADIENTS, _GRADIENTS_PER_DIM * len(before) if before.ndim == 2 else 0)
            draws, gradients = _with_gradients(context.logdensity, draws, size)
        if len(draws) < 2:
            return Final(state, kernel, "no metric, as too few draws are finite")
        if len(np.unique(draws, axis=0)) < LEAST_PLACES:
            return Final(state, kernel, "no metric, as the chains hardly moved")
        estimate = diagonal_estimate if before.ndim == 1 else dense_estimate
        metric = for_precision(estimate(draws.astype(float), gradients, before), given.dtype)
        source = "draws" if gradients is None else "draws and the gradients there"
        return Final(
            state,
            # In units of a good metric lengths are about 1, whatever they were before.
            with_tuned(kernel, inverse_mass_matrix=metric, step_size=1.0),
            f"a {self.kind} metric from {len(draws):,} {source}",
            {"n_draws": float(len(draws))},
        )


def _with_gradients(
    logdensity: FlatLogDensity, draws: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Some of the draws `(n, D)`, at most `size`, and the gradients there.

    Only those where it is finite; `None` where it is so nowhere.
    """
    draws = draws[np.linspace(0, len(draws) - 1, min(size, len(draws))).astype(int)]
    padded = np.concatenate([draws, np.repeat(draws[:1], size - len(draws), axis=0)])
    gradients = np.asarray(_all_gradients(logdensity, jnp.asarray(padded)), float)[: len(draws)]
    is_finite = np.isfinite(gradients).all(axis=1)
    return (draws[is_finite], gradients[is_finite]) if is_finite.any() else (draws, None)


@jit_of_function()
def _all_gradients(logdensity: FlatLogDensity, positions: jax.Array) -> Any:
    return jax.vmap(lambda position: value_and_grad(logdensity, position)[1])(positions)
