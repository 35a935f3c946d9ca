"""Checks of the draws themselves: NaN, standstill, R-hat, effective sample sizes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from pmcmc._util import arviz_compat
from pmcmc.diagnostics._draws import as_dataset, r_hat, series
from pmcmc.diagnostics._finding import N_NAMED, Finding, name_chains
from pmcmc.kernels import Kernel

# Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021).
_MOST_R_HAT = 1.01
_LEAST_ESS_PER_CHAIN = 100
_LONGEST_STANDSTILL = 0.05  # of the draws


def not_finite(draws: Any) -> list[Finding]:
    """Variables with draws that are NaN or infinite."""
    labels = [label for label, values in series(draws) if not np.isfinite(values).all()]
    if not labels:
        return []
    return [
        Finding(
            f"{len(labels)} number{'' if len(labels) == 1 else 's'} with draws that are NaN or "
            f"infinite: {', '.join(labels[:N_NAMED])}.",
            "Look at how they are computed: statistics of them mean nothing.",
        )
    ]


def lost_in_rounding(result: Any) -> list[Finding]:
    """Coordinates that move by less than the rounding of their dtype.

    R-hat cannot see this: it ignores constants, which are normal for deterministic sites and in the
    output of `keep`.
    """
    result = getattr(result, "unconstrained", result)  # for a result of a model
    kept, position = (jax.tree.leaves(x) for x in (result.positions, result.final_state.position))
    if sum(x[0, 0].size for x in kept) != sum(map(np.size, position)) // len(kept[0]):
        return []
    numbers = list(series(as_dataset("result", result)))
    sizes = np.array([np.abs(values).max() for _, values in numbers])
    deviations = np.array([values.std(axis=1).max() for _, values in numbers])
    coarse = np.flatnonzero(deviations < np.spacing(sizes.astype(kept[0].dtype)))
    if not coarse.size or not np.any([np.ptp(values, axis=1).any() for _, values in numbers]):
        return []
    named = (f"{numbers[i][0]} (up to {sizes[i]:.4g})" for i in coarse[:N_NAMED])
    return [
        Finding(
            f"{len(coarse)} of {len(numbers)} numbers move by less than {kept[0].dtype} tells "
            f"apart, or not at all: {', '.join(named)}.",
            "Set jax_enable_x64, or take units and an origin with which the number is about 1; "
            "leave out what the log density does not depend on.",
        )
    ]


def standstill(draws: Any) -> list[Finding]:
    """Chains that did not move for many draws."""
    # From positions: the decisions of a thinned chain do not show what happened in between.
    n_chains, n_draws = draws.sizes["chain"], draws.sizes["draw"]
    is_still = np.ones((n_chains, n_draws - 1), bool)
    for _, values in series(draws):
        is_still &= values[:, 1:] == values[:, :-1]
    longest = np.array([_longest_run(row) for row in is_still])
    stuck = np.flatnonzero(longest > max(_LEAST_ESS_PER_CHAIN, _LONGEST_STANDSTILL * n_draws))
    if not stuck.size:
        return []
    return [
        Finding(
            f"{name_chains(stuck)} stood still for up to {longest.max():,} of {n_draws:,} draws.",
            "Take a smaller step_size or a longer warm-up; start elsewhere (pmcmc.burn_in).",
        )
    ]


def _longest_run(flags: np.ndarray) -> int:
    """Length of the longest run of true values."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return int((ends[1::2] - ends[::2]).max(initial=0))


class Convergence(NamedTuple):
    """R-hat and effective sample sizes of all numbers."""

    labels: list[str]
    rhat: np.ndarray
    bulk: np.ndarray
    tail: np.ndarray
    n_chains: int

    @classmethod
    def of(cls, draws: Any) -> "Convergence":
        """The diagnostics of numbers that are finite and change; others have none."""
        az = arviz_compat.import_arviz()

        def flat(table: Any) -> np.ndarray:
            return np.concatenate([np.ravel(table[name]) for name in draws.data_vars])

        of_numbers = list(series(draws))
        has_any = np.array([bool(np.ptp(x) > 0 and np.isfinite(x).all()) for _, x in of_numbers])
        return cls(
            [label for (label, _), is_there in zip(of_numbers, has_any, strict=True) if is_there],
            flat(r_hat(draws))[has_any],
            flat(az.ess(draws, method="bulk"))[has_any],
            flat(az.ess(draws, method="tail"))[has_any],
            draws.sizes["chain"],
        )

    @property
    def figures(self) -> list[str]:
        if not self.labels:
            return ["no number that changes"]
        rhat = [] if self.n_chains == 1 else [f"largest R-hat {self.rhat.max():.3f}"]
        sizes = f"smallest ESS {self.bulk.min():,.0f} (bulk) and {self.tail.min():,.0f} (tail)"
        return [*rhat, sizes]

    def findings(self, kernel: Kernel) -> list[Finding]:
        """Problems of the draws, with remedies that suit the kernel."""
        found = []
        if self.n_chains == 1:
            found.append(
                Finding(
                    "There is one chain: R-hat cannot tell whether others would end elsewhere.",
                    "Write n_chains=4, with starts far apart.",
                )
            )
        else:
            found += self._bad(
                self.rhat,
                lambda rhat: ~(rhat <= _MOST_R_HAT),
                f"R-hat above {_MOST_R_HAT}: chains do not agree",
                "Draw longer; take a longer warm-up or pmcmc.burn_in; if some chains stay apart "
                "for good there are several modes.",
            )
        least = _LEAST_ESS_PER_CHAIN * self.n_chains
        found += self._bad(
            -np.minimum(self.bulk, self.tail),
            lambda size: ~(-size >= least),
            f"fewer than {least} effective draws (bulk or tail)",
            _longer(kernel),
        )
        return found

    def _bad(
        self, values: np.ndarray, is_bad: Callable[[Any], Any], what: str, remedy: str
    ) -> list[Finding]:
        bad = np.flatnonzero(is_bad(values))
        if not bad.size:
            return []
        worst = bad[np.argsort(-np.where(np.isnan(values[bad]), np.inf, values[bad]))][:N_NAMED]
        named = ", ".join(f"{self.labels[i]} ({abs(values[i]):.5g})" for i in worst)
        return [
            Finding(f"{len(bad)} of {len(values)} numbers have {what}; worst: {named}.", remedy)
        ]


def _longer(kernel: Kernel) -> str:
    if kernel.metrics == ("diagonal",):
        return "Draw longer, or take kernel='mala' or 'hmc', whose metric follows correlations."
    if kernel.evaluations_per_step() > 1:  # trajectories along the exact gradient
        return "Draw longer, or tune step size and metric (pmcmc.warmup)."
    return "Draw longer, tune step size and metric (pmcmc.warmup), or take kernel='hmc'."
