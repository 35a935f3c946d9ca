"""What `sample` returns."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pmcmc._adaptation.report import WarmupReport
from pmcmc._chain.chain_method import ChainMethod
from pmcmc._chain.moments import Moments
from pmcmc._planning.choice import Plan
from pmcmc._util import arviz_compat
from pmcmc._util.labels import named_leaves
from pmcmc._version import __version__
from pmcmc.kernels import Kernel
from pmcmc.solvers import Outcome, Solver, SweepLog


@dataclass(frozen=True, eq=False)
class RunInfo:
    """Record of a run; arrays have one entry a chain.

    Args:
        kernel: with the hyperparameters that made the draws.
        solver: with everything resolved, basis included.
        device: that ran it.
        dtype: of the positions.
        n_steps: transitions of each chain after the warm-up.
        thin: every `thin`-th of them was kept.
        rng_key: data of the key of their noise (`jax.random.key_data`).
        rng_key_impl: implementation of that key (`jax.random.key_impl`); the same data are another
            noise with another one.
        sweeps: parallel sweeps taken; 0 for the loop.
        work_per_step: evaluations of the transition per step of the chain: 1 for the loop.
        logdensity_evaluations: of the log density. A sweep starts from bare states, so that a step
            that needs one evaluation in the loop takes two there.
        gradient_evaluations: how many of them came with the gradient.
        jacobian_products: derivatives of a step in a direction, by sweeps; each costs about as much
            as differentiating its evaluations once more.
        sequential_steps: steps taken one at a time.
        residual: largest `|s_t - f_t(s_{t-1})|` over all steps and coordinates, where `f_t` is the
            transition with the noise of step `t`; 0 for the loop, infinite where the chain is.
        scaled_residual: the same in units of the tolerance, at most 1 if converged.
        atol, rtol: residuals are at most `atol + rtol * |s_t|` in every coordinate, less where the
            chain moves by little (see `ParallelNewton`); 0 for the loop.
        outcome: how the solver ended for each chain, warm-up included; an outcome names its `cause`
            and `remedy`.
        sweep_log: residual and finished steps per sweep, one `SweepLog` a segment of the chain.
        warmup: record of the warm-up, `None` where there was none.
        chain_method: how the chains were laid out (a `ChainMethod`), and how long a step took in
            each layout that was tried.
        gradient_mode: how the gradient of the log density was taken, `"reverse"` or `"forward"`;
            `None` where the kernel takes none.
        gradient_seconds: of a gradient by mode, as timed for as many chains as are in one program
            (one where each has a thread); empty where `"auto"` had nothing to time.
        plan: what `solver="auto"` decided and from which figures, `None` for other solvers.
        seconds_compile: tracing and compiling, about 0 when everything was compiled before.
        seconds_setup: finding the basis and checking the start.
        seconds_warmup, seconds_run: running, without compilation.
    """

    kernel: Kernel
    solver: Solver
    device: str
    dtype: np.dtype
    n_steps: int
    thin: int
    rng_key: np.ndarray
    rng_key_impl: str
    sweeps: np.ndarray
    work_per_step: np.ndarray
    logdensity_evaluations: np.ndarray
    gradient_evaluations: np.ndarray
    jacobian_products: np.ndarray
    sequential_steps: np.ndarray
    residual: np.ndarray
    scaled_residual: np.ndarray
    atol: float
    rtol: float
    outcome: list[Outcome]
    sweep_log: list[SweepLog] = field(repr=False)
    warmup: WarmupReport | None = field(repr=False)
    chain_method: ChainMethod
    gradient_mode: str | None
    gradient_seconds: Mapping[str, float]
    plan: Plan | None = field(repr=False)
    seconds_compile: float
    seconds_setup: float
    seconds_warmup: float
    seconds_run: float

    @property
    def converged(self) -> np.ndarray:
        """Whether every step of a chain, of the warm-up too, is finite and within tolerance."""
        return np.array(self.outcome) <= Outcome.FINISHED_WITH_SEQUENTIAL_STEPS

    def attributes(self) -> dict[str, Any]:
        """What ArviZ keeps beside the draws: numbers, strings and arrays."""
        return {
            "inference_library": "pmcmc",
            "inference_library_version": __version__,
            "sampling_time": self.seconds_run,
            "tuning_steps": 0 if self.warmup is None else int(self.warmup.n_steps.sum()),
            "kernel": str(self.kernel),
            "solver": self.solver.describe(),
            "converged": self.converged.astype(int),
            "outcome": ", ".join(outcome.name for outcome in self.outcome),
            "residual": self.residual,
            "sequential_steps": self.sequential_steps,
        }


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """Draws of one or more chains, with the record of the run.

    Args:
        positions: pytree of the structure of `x0`, NumPy leaves of shape `(chain, draw, *event)`.
            Draw 0 is the state after the first step that is kept, not the start.
        stats: per draw, NumPy arrays of shape `(chain, draw)` by name: `is_accepted`,
            `acceptance_rate`, `is_divergent` and `logdensity` of the position.
        info: record of the run.
        final_state: state of the kernel after the last step, positions and gradients with the
            structure of `x0`. To go on, `sample(logdensity, result.final_state.position, ...)` with
            another `rng_key`: the same key would drive the new steps with the same noise.
        moments: of all steps, where `keep="moments"`; there are no draws then.
    """

    positions: Any
    stats: dict[str, np.ndarray]
    info: RunInfo
    final_state: Any
    moments: Moments | None = None

    def to_arviz(
        self,
        *,
        dims: Mapping[str, Sequence[str | None]] | None = None,
        coords: Mapping[str, Any] | None = None,
    ) -> Any:
        """Draws and statistics in the installed ArviZ's own container.

        Keys of nested positions are joined with dots; a position that is not a dictionary is called
        `x`. Slashes in keys, which netCDF does not allow, become dots too. A variable called
        `chain` or `draw`, as the axes of draws are, is called `chain_` or `draw_`.

        Args:
            dims: names of axes by variable, one for each axis behind `(chain, draw)`; `None` in
                place of a name for `variable_dim_0` and so on, as without `dims`.
            coords: coordinates by name of an axis, in place of counts.

        Returns:
            An `xarray.DataTree` with ArviZ 1.0 and newer, else an `arviz.InferenceData`; groups
            `posterior` and `sample_stats`, where `logdensity` is called `lp` and `is_divergent`
            is called `diverging`.

        Raises:
            ImportError: ArviZ, a dependency of pmcmc, is not installed.
            ValueError: two variables have one name, `dims` or `coords` do not fit, or no draws
                were kept.
        """
        if self.moments is not None:
            raise ValueError(
                "keep='moments' kept no draws to convert: look at result.moments, or write "
                "keep=None, with thin=100, say."
            )
        positions = named_leaves(self.positions)
        return arviz_compat.to_arviz(
            positions, self.stats, self.info.attributes(), dims=dims, coords=coords
        )

    def summary(self) -> Any:
        """ArviZ's table: mean, sd, interval, effective sample sizes, R-hat; a row a number.

        Warns:
            UserWarning: a chain has not converged.

        Raises:
            ImportError: ArviZ, a dependency of pmcmc, is not installed.
        """
        if not self.info.converged.all():
            warnings.warn(self._evidence(), stacklevel=2)
        return arviz_compat.summary(self.to_arviz())

    def report_html(self, path: Any) -> Path:
        """Write a page with warnings, table, pictures, evidence and versions; one file, no scripts.

        Args:
            path: of the file, which is replaced if there is one.

        Returns:
            The path.

        Raises:
            ImportError: matplotlib, or ArviZ, a dependency of pmcmc, is not installed.
            ValueError: the folder does not exist.
        """
        from pmcmc import _html

        return _html.write(self, path)

    def __repr__(self) -> str:
        info = self.info
        n_chains, n_draws = self.stats["is_accepted"].shape
        size = sum(math.prod(leaf.shape[2:]) for leaf in jax.tree.leaves(self.positions))
        means, n = {k: x.mean() for k, x in self.stats.items() if n_draws}, n_draws
        if self.moments is not None:
            means, n = {k: x.mean() for k, x in self.moments.stats.items()}, info.n_steps
        divergent = round(means["is_divergent"] * n_chains * n)
        lines = [
            f"pmcmc.Result: {n_chains} x {n_draws:,} draws (chain x draw) of {size} "
            f"{'number' if size == 1 else 'numbers'}, {info.dtype}",
            f"  kernel      {info.kernel}, mean acceptance "
            f"{means['acceptance_rate']:.3f}, {divergent} divergent",
            f"  solver      {info.solver.describe()} on {info.device}{self._cost()}",
            *([] if info.plan is None else [f"  auto        {info.plan.headline}"]),
            *([] if n_chains == 1 else [f"  layout      {info.chain_method}"]),
            *([] if not info.gradient_seconds else [f"  gradient    {self._gradient()}"]),
            f"  chain       {self._evidence()}",
            f"  seconds     compile {info.seconds_compile:.2f}, set-up {info.seconds_setup:.2f}, "
            f"warm-up {info.seconds_warmup:.2f}, run {info.seconds_run:.2f}",
        ]
        return "\n".join(lines)

    def _gradient(self) -> str:
        times = (f"{mode} {1e6 * s:,.0f} us" for mode, s in self.info.gradient_seconds.items())
        return f"{self.info.gradient_mode} mode ({', '.join(times)})"

    def _cost(self) -> str:
        info = self.info
        if not info.sweeps.any():
            return ""
        return f": {info.sweeps.mean():.0f} sweeps, {info.work_per_step.mean():.1f} work per step"

    def _evidence(self) -> str:
        info = self.info
        is_loop = not info.sweeps.any()
        text = "step by step" if is_loop else "same as the loop's within tolerance"
        failed = np.flatnonzero(~info.converged)
        if failed.size:
            worst = max(info.outcome)
            chains = ", ".join(map(str, failed))
            text = f"NOT CONVERGED in chain {chains}: {worst.cause}; {worst.remedy}"
        if is_loop:
            return text
        text += (
            f": residual {info.residual.max():.1e}, tolerance {info.atol:.0e} + {info.rtol:.0e}*|s|"
        )
        sequential_steps = info.sequential_steps.sum()
        if info.warmup is not None:
            sequential_steps += info.warmup.sequential_steps.sum()
        return f"{text}; {sequential_steps:,} steps one at a time" if sequential_steps else text
