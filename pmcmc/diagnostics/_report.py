"""Problems of draws, and their remedies."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pmcmc._run_info import RunInfo
from pmcmc.diagnostics._convergence import Convergence, lost_in_rounding, not_finite, standstill
from pmcmc.diagnostics._draws import as_dataset, series
from pmcmc.diagnostics._finding import Finding
from pmcmc.diagnostics._run_findings import (
    acceptance,
    coarse_logdensity,
    divergences,
    lost,
    surrogate,
    sweeps,
    unsolved,
)


@dataclass(frozen=True, repr=False, eq=False)
class Report:
    """Problems of draws, worst first.

    Args:
        findings: empty if nothing is wrong.
        figures: one line with the figures that were checked.
    """

    findings: tuple[Finding, ...]
    figures: str

    @property
    def verdict(self) -> str:
        """The number of problems, in words."""
        n = len(self.findings)
        return f"{n or 'no'} problem{'' if n == 1 else 's'} found"

    def __repr__(self) -> str:
        lines = [f"pmcmc.Report: {self.verdict}", f"  {self.figures}"]
        return "\n".join(lines + [f"- {what}\n  {remedy}" for what, remedy in self.findings])


def report(result: Any) -> Report:
    """Say in words what is wrong with draws, and what to do about it.

    It checks, from fatal problems to those that only cost time: whether the solver found the chain,
    chains that got lost, divergences (more than 0.1 % of a chain), chains that do not move, numbers
    that move by less than their precision, R-hat (at most 1.01) and effective sample sizes (at
    least 100 per chain; Vehtari et al., 2021), acceptance rates against the kernel's target, and
    sweeps that finish few steps.

    Args:
        result: the result of `pmcmc.sample` or `pmcmc.adapters.numpyro.sample_model`.

    Raises:
        ImportError: ArviZ, a dependency of pmcmc, is not installed.
        ValueError: it is something else.
    """
    if not isinstance(getattr(result, "info", None), RunInfo):
        raise ValueError(
            f"result must be what pmcmc.sample returned, got {type(result).__name__}: write "
            "report(pmcmc.sample(...)), or report(mcmc.result) for the adapter's MCMC; for other "
            "draws there is diagnostics.compare."
        )
    draws = as_dataset("result", result)
    with np.errstate(all="ignore"):  # a chain that stands still has no R-hat
        convergence = Convergence.of(draws)
    info, stats = result.info, result.stats
    strays = lost(stats)
    findings = [
        *unsolved(info),
        *not_finite(draws),
        *strays,
        *coarse_logdensity(stats),
        *divergences(info, stats),
        *surrogate(info),
        *standstill(draws),
        *lost_in_rounding(result),
        *convergence.findings(info.kernel),
        *([] if strays else acceptance(info, stats, len(list(series(draws))))),
        *sweeps(info),
    ]
    figures = [
        f"acceptance {stats['acceptance_rate'].mean():.2f}",
        f"{stats['is_divergent'].sum():,} divergent",
        *convergence.figures,
    ]
    if info.sweeps.any():
        figures.append(f"residual {info.residual.max():.1e}")
        figures.append(f"{info.sequential_steps.sum():,} steps one at a time")
    # Some begin with the name of a chain.
    sentences = (Finding(what[:1].upper() + what[1:], remedy) for what, remedy in findings)
    return Report(tuple(sentences), ", ".join(figures))
