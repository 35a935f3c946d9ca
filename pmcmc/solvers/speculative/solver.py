"""Predict, evaluate at once, verify."""

import bisect
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from pmcmc._util.checks import is_among, store_count
from pmcmc.solvers.base import Solver, Trajectories
from pmcmc.solvers.driver import Budget, drive
from pmcmc.solvers.recursion import Recursion
from pmcmc.solvers.setting import Setting, Sweeps
from pmcmc.solvers.speculative.sweep import SpeculationMethod
from pmcmc.solvers.tolerance import check_tolerances, with_defaults
from pmcmc.surrogates import as_surrogate

_WINDOWS = (8, 16, 32, 64, 128, 256, 512)
_ACCELERATOR_WINDOW = 512
_MOST_WORK = 1.8  # evaluations per step
_ALIKE = 1.1  # windows whose costs differ by less than this factor count as equal
_FIRST_WINDOW, _SECOND_WINDOW = 32, 128  # until enough is known; the second is an upper bound
_SEGMENT = 4096  # steps
_SEGMENT_NUMBERS = 2**22  # 32 MiB of float64 states per segment


class Speculative(Solver, static=("window", "n_logged_sweeps"), kw_only=True):
    """Predict the proposals of a window of steps, evaluate them at once, verify, and slide on.

    It is for kernels in three parts (`pmcmc.kernels.ProposalKernel`): random walk,
    Metropolis-Hastings, Barker, MALA, Langevin. A surrogate for the log density predicts the
    decisions. It only guesses: a step is valid if the exact log density was evaluated at its own
    proposal and all steps before it are valid. If proposals use no gradient of the log density, the
    chain is the loop's, with a residual of 0: to the last bit for random walks, and for others as
    far as compilers round their proposals alike. Otherwise a proposal may differ from the point of
    its evaluation by the tolerance, and the residual says by how much.

    If a share `q` of the decisions is predicted wrong, a sweep finishes `(1 - (1 - q)**W) / q` of
    `W` steps.

    Args:
        surrogate: a `pmcmc.surrogates.Surrogate`, or a function of the position such as a coarser
            solver of the same differential equation; `"auto"` for the one fitted in the warm-up, or
            a normal with the metric of the kernel.
        window: number of steps evaluated at once; `"auto"` for one that suits the share of
            decisions predicted right (512 on accelerators; the number of workers for
            `pmcmc.external`). It changes speed and memory, never the chain.
        atol, rtol: how far a proposal may be from the point of its evaluation, `atol + rtol * |p|`;
            `None` for 1e-12 in float64 and 1e-5 in float32.
        n_logged_sweeps: number of sweeps of each segment to record in the log.

    Raises:
        ValueError: an argument is out of range; when used, the kernel does not have three parts.
    """

    surrogate: Any = "auto"
    window: int | str = "auto"
    atol: Any = None
    rtol: Any = None
    n_logged_sweeps: int = 0

    def __post_init__(self) -> None:
        if not is_among(self.surrogate, "auto"):
            object.__setattr__(self, "surrogate", as_surrogate(self.surrogate))
        if not is_among(self.window, "auto"):
            store_count(self, "window")
        store_count(self, "n_logged_sweeps", minimum=0)
        check_tolerances(self.atol, self.rtol)

    def describe_sweeps(self, steps: float, window: float) -> str:
        return f"{1 - share_predicted_wrong(round(window), steps):.1%} predicted right"

    def run(
        self, recursion: Recursion, s0: jax.Array, inputs: Any, n_steps: int | jax.Array
    ) -> Trajectories:
        assert isinstance(self.window, int)
        atol, rtol = self.tolerances(s0.dtype)
        method = SpeculationMethod(
            self.surrogate, jnp.asarray(atol, s0.dtype), jnp.asarray(rtol, s0.dtype)
        )
        length = jax.tree.leaves(inputs)[0].shape[1]
        budget = Budget(None, True, self.n_logged_sweeps)
        # Points are proposals of the chain, or close to them, and need no bounds. Predictions are
        # sequential; only evaluations are spread over a mesh.
        unbounded = recursion._replace(is_chain=False, time_axis=None)
        return drive(method, budget, unbounded, s0, inputs, n_steps, min(self.window, length))

    @property
    def fits_surrogate(self) -> bool:
        return is_among(self.surrogate, "auto")

    def prepare(self, setting: Setting) -> "Speculative":
        window = self.window
        if not isinstance(window, int):
            window = setting.evaluations_at_once() or _measured_window(setting)
        surrogate = setting.surrogate(self.surrogate)
        return dataclasses.replace(self, surrogate=surrogate, window=window)

    def tolerances(self, dtype: Any) -> tuple[Any, Any]:
        return with_defaults(self.atol, self.rtol, dtype)

    def segment_length(self, n_steps: int, n_chains: int, dim: int, dtype: Any) -> int:
        assert isinstance(self.window, int)
        most = max(_SEGMENT_NUMBERS // (n_chains * dim), self.window)
        return min(max(_SEGMENT, self.window), most)


def _measured_window(setting: Setting) -> int:
    is_cpu = jax.default_backend() == "cpu"
    return best_window(setting.sweeps_so_far()) if is_cpu else _ACCELERATOR_WINDOW


def best_window(seen: Sweeps | None) -> int:
    """The window that finishes the most steps per second on a CPU.

    The time of a sweep is modeled as linear between the windows that were tried, and beyond them: a
    constant for the batch, plus a time per row. At least two have to be tried. If a larger window
    takes longer than expected, for example since its batch does not fit into the caches, the next
    choice knows.

    Args:
        seen: statistics of recent sweeps; `None` if there are none yet.
    """
    if seen is None:
        return _FIRST_WINDOW
    wrong = share_predicted_wrong(seen.window, seen.steps)
    # An upper bound on the work, however cheap rows seem: a disturbed clock must not cost much.
    sensible = [w for w in _WINDOWS if w <= _MOST_WORK * steps_per_sweep(w, wrong)]
    sensible = sensible or [_WINDOWS[0]]
    if len(seen.seconds) < 2:
        untried = [w for w in sensible if w <= _SECOND_WINDOW and w not in seen.seconds]
        return untried[-1] if untried else sensible[-1]
    costs = {w: _seconds(w, seen.seconds) / steps_per_sweep(w, wrong) for w in sensible}
    # Of windows with about equal costs, the one with the fewest sweeps.
    return max(w for w, cost in costs.items() if cost <= _ALIKE * min(costs.values()))


def _seconds(window: int, seen: dict[int, float]) -> float:
    """The time of a sweep over a window, from the times of the nearest two that were tried."""
    tried = sorted(seen)
    i = min(max(bisect.bisect_left(tried, window), 1), len(tried) - 1)
    small, large = tried[i - 1], tried[i]
    of_row = max(seen[large] - seen[small], 0.0) / (large - small)
    if window < small:  # even an empty batch takes no less than no time
        of_row = min(of_row, seen[small] / small)
    return seen[small] + (window - small) * of_row


def steps_per_sweep(window: int, wrong: float) -> float:
    """Expected number of final steps of a window if a share `wrong` is predicted wrong.

    The first step that was predicted wrong is still final: a geometric number, cut at the window.
    """
    return (1 - (1 - wrong) ** window) / wrong if wrong > 0 else float(window)


def share_predicted_wrong(window: int, steps: float) -> float:
    """The share of decisions predicted wrong at which sweeps finish so many steps on average."""
    low, high = 0.0, 1.0
    for _ in range(40):  # halving; the number of steps falls as the share grows
        middle = (low + high) / 2
        low, high = (middle, high) if steps_per_sweep(window, middle) > steps else (low, middle)
    return (low + high) / 2
