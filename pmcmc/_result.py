"""What `sample` returns."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pmcmc._adaptation.stationarity import rhat
from pmcmc._chain.moments import Moments
from pmcmc._run_info import RunInfo
from pmcmc._util import arviz_compat
from pmcmc._util.callers import warn_user
from pmcmc._util.labels import named_leaves

_SHOWN_DRAWS, _SHOWN_NUMBERS = 2_000, 100  # of all chains: as many take a moment
_LEAST_DRAWS = 20  # of a chain
_GOOD_R_HAT, _TOLD_AFTER = 1.05, 400  # draws of all chains: with fewer, R-hat may be high by chance


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """Draws of one or more chains, with the record of the run.

    Args:
        positions: pytree of the structure of `x0`, NumPy leaves of shape `(chain, draw, *event)`.
            Draw 0 is the state after the first kept step, not the start.
        stats: per draw, NumPy arrays of shape `(chain, draw)` by name: `is_accepted`,
            `acceptance_rate`, `is_divergent` and `logdensity` of the position.
        info: record of the run.
        final_state: state of the kernel after the last step, positions and gradients with the
            structure of `x0`. To continue, call `sample(logdensity, result.final_state.position,
            ...)` with another `rng_key`: the same key would repeat the noise.
        moments: moments of all steps if `keep="moments"`; there are no draws then.
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
        `x`. Slashes in keys, which netCDF does not allow, become dots too. A variable with the name
        of an axis of the draws, `chain` or `draw`, becomes `chain_` or `draw_`.

        Args:
            dims: names of axes by variable, one for each axis after `(chain, draw)`; `None` instead
                of a name gives `variable_dim_0` and so on, as without `dims`.
            coords: coordinates by name of an axis; the default counts from 0.

        Returns:
            An `xarray.DataTree` with ArviZ 1.0 and newer, otherwise an `arviz.InferenceData`. Its
            groups are `posterior` and `sample_stats`, in which `logdensity` is called `lp` and
            `is_divergent` is called `diverging`.

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
        """ArviZ's table, one row per number: mean, sd, interval, effective sample sizes, R-hat.

        Warns:
            UserWarning: a chain has not converged.

        Raises:
            ImportError: ArviZ, a dependency of pmcmc, is not installed.
        """
        if not self.info.converged.all():
            warn_user(self._evidence())
        return arviz_compat.summary(self.to_arviz())

    def report_html(self, path: Any) -> Path:
        """Write a page with warnings, table, plots, evidence and versions; one file, no scripts.

        Args:
            path: of the file; an existing one is replaced.

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
            *([] if n_draws < _LEAST_DRAWS else [f"  mixing      {self._mixing()}"]),
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

    def _mixing(self) -> str:
        """The largest R-hat, of some draws and numbers if there are many."""
        n_chains, n_draws = self.stats["is_accepted"].shape
        leaves = [x.reshape(n_chains, n_draws, -1) for x in jax.tree.leaves(self.positions)]
        every = -(-n_draws // max(_SHOWN_DRAWS // n_chains, _LEAST_DRAWS))
        stride = max(1, -(-sum(x.shape[2] for x in leaves) // _SHOWN_NUMBERS))
        draws = np.concatenate([x[:, ::every, ::stride] for x in leaves], axis=2)
        largest = rhat(draws).max(initial=1.0)
        text = f"R-hat {'of its halves ' if n_chains == 1 else ''}at most {largest:.3f}"
        if largest <= _GOOD_R_HAT or n_chains * n_draws < _TOLD_AFTER:
            return text
        who = "they" if n_chains == 1 else "the chains"
        return f"{text}: {who} do not agree; see pmcmc.diagnostics.report(result)"

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
