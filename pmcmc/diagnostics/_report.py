"""What is wrong with draws, and what to do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pmcmc._result import RunInfo
from pmcmc._util import arviz_compat
from pmcmc.diagnostics._draws import as_dataset, r_hat, series
from pmcmc.solvers import Outcome

# Vehtari, Gelman, Simpson, Carpenter & Buerkner (2021).
_MOST_R_HAT = 1.01
_LEAST_ESS_PER_CHAIN = 100
# An acceptance rate of half the aim, or half-way from the aim to 1, costs efficiency.
_TOO_LOW, _TOO_HIGH = 0.5, 0.5
_LONGEST_STANDSTILL = 0.05  # of the draws
_FEWEST_STEPS_A_SWEEP = 2.0
_NAMED = 3


class Finding(NamedTuple):
    """Something wrong.

    Args:
        what: with figures.
        remedy: what to do about it.
    """

    what: str
    remedy: str


@dataclass(frozen=True, repr=False, eq=False)
class Report:
    """What is wrong with draws, the worst first.

    Args:
        findings: empty where nothing is wrong.
        figures: a line of what was looked at.
    """

    findings: tuple[Finding, ...]
    figures: str

    def __repr__(self) -> str:
        verdict = f"{len(self.findings)} to look at" if self.findings else "nothing wrong"
        lines = [f"pmcmc.Report: {verdict}", f"  {self.figures}"]
        return "\n".join(lines + [f"- {what}\n  {remedy}" for what, remedy in self.findings])


def report(result: Any) -> Report:
    """Say in words what is wrong with draws, and what to do.

    Looked at, from what spoils everything to what costs time: whether the solver found the chain,
    divergences, chains that stand still, R-hat (at most 1.01) and effective sample sizes (at least
    100 a chain; Vehtari et al., 2021), acceptance rates against the kernel's aim, and sweeps that
    finish few steps.

    Args:
        result: what `pmcmc.sample` or `pmcmc.adapters.numpyro.sample_model` returned.

    Raises:
        ImportError: ArviZ is not installed.
        ValueError: it is something else.
    """
    if not isinstance(getattr(result, "info", None), RunInfo):
        raise ValueError(
            f"result must be what pmcmc.sample returned, got {type(result).__name__}: write "
            "report(pmcmc.sample(...)), or report(mcmc.result) for the adapter's MCMC; for other "
            "draws there is diagnostics.compare."
        )
    draws = as_dataset("result", result)
    with np.errstate(all="ignore"):  # chains that stand still have no R-hat
        convergence = _Convergence.of(draws)
    info, stats = result.info, result.stats
    findings = [
        *_unsolved(info),
        *_not_finite(draws),
        *_divergences(info, stats),
        *_standstill(draws),
        *convergence.findings,
        *_acceptance(info, stats, len(list(series(draws)))),
        *_sweeps(info),
    ]
    figures = [
        f"acceptance {stats['acceptance_rate'].mean():.2f}",
        f"{stats['is_divergent'].sum():,} divergent",
        *convergence.figures,
    ]
    if info.sweeps.any():
        figures.append(f"residual {info.residual.max():.1e}")
        figures.append(f"{info.sequential_steps.sum():,} steps one at a time")
    return Report(tuple(findings), ", ".join(figures))


def _unsolved(info: Any) -> list[Finding]:
    outcomes = np.array(info.outcome)
    found = []
    for outcome in (Outcome.NOT_FINITE, Outcome.BUDGET_SPENT):
        chains = np.flatnonzero(outcomes == outcome)
        if not chains.size:
            continue
        size = info.scaled_residual[chains].max()
        text = f"{_chains(chains)}: {outcome.cause}"
        if outcome == Outcome.BUDGET_SPENT:
            text += ", so they are not what the loop would give "
            text += f"(residual {size:.1e} times the tolerance)" if size > 1 else "(in the warm-up)"
        found.append(Finding(f"{text}.", f"Do not use the draws: {outcome.remedy}."))
    return found


def _not_finite(draws: Any) -> list[Finding]:
    labels = [label for label, values in series(draws) if not np.isfinite(values).all()]
    if not labels:
        return []
    return [
        Finding(
            f"{len(labels)} number{'' if len(labels) == 1 else 's'} with draws that are NaN or "
            f"infinite: {', '.join(labels[:_NAMED])}.",
            "Look at how they are computed: statistics of them mean nothing.",
        )
    ]


def _divergences(info: Any, stats: dict[str, np.ndarray]) -> list[Finding]:
    counts = stats["is_divergent"].sum(axis=1)
    if not counts.any():
        return []
    kept = "" if info.thin == 1 else " among those kept"
    return [
        Finding(
            f"{counts.sum():,} divergent steps{kept}, in {_chains(np.flatnonzero(counts))}: part "
            "of the target may not be reached.",
            "Take a smaller step_size or a higher target_acceptance_rate in pmcmc.warmup, or write "
            "the model in other coordinates (non-centred, logarithms).",
        )
    ]


def _standstill(draws: Any) -> list[Finding]:
    # By positions: the decisions of a thinned chain do not tell what happened in between.
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
            f"{_chains(stuck)} stood still for up to {longest.max():,} of {n_draws:,} draws.",
            "Take a smaller step_size or a longer warm-up; start elsewhere (pmcmc.burn_in).",
        )
    ]


class _Convergence(NamedTuple):
    """R-hat and effective sample sizes of all numbers."""

    labels: list[str]
    rhat: np.ndarray
    bulk: np.ndarray
    tail: np.ndarray
    n_chains: int

    @classmethod
    def of(cls, draws: Any) -> "_Convergence":
        """Those of numbers that are finite and change, for others have none."""
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

    @property
    def findings(self) -> list[Finding]:
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
            "Draw longer, tune step size and metric (pmcmc.warmup), or take kernel='hmc'.",
        )
        return found

    def _bad(
        self, values: np.ndarray, is_bad: Callable[[Any], Any], what: str, remedy: str
    ) -> list[Finding]:
        bad = np.flatnonzero(is_bad(values))
        if not bad.size:
            return []
        worst = bad[np.argsort(-np.where(np.isnan(values[bad]), np.inf, values[bad]))][:_NAMED]
        named = ", ".join(f"{self.labels[i]} ({abs(values[i]):.4g})" for i in worst)
        return [
            Finding(f"{len(bad)} of {len(values)} numbers have {what}; worst: {named}.", remedy)
        ]


def _acceptance(info: Any, stats: dict[str, np.ndarray], dim: int) -> list[Finding]:
    aim = info.kernel.acceptance_rate_to_aim_at(dim)
    if aim is None:
        return []
    rates = stats["acceptance_rate"].mean(axis=1)
    found = []
    for is_off, word, remedy in (
        (rates < _TOO_LOW * aim, "low", "smaller"),
        (rates > aim + _TOO_HIGH * (1 - aim), "high", "larger"),
    ):
        chains = np.flatnonzero(is_off)
        if chains.size:
            found.append(
                Finding(
                    f"Acceptance is {word}: {rates[chains].mean():.2f} in {_chains(chains)}, where "
                    f"{aim:g} is efficient.",
                    f"Take a {remedy} step_size, or have it tuned: a longer n_warmup.",
                )
            )
    return found


def _sweeps(info: Any) -> list[Finding]:
    found = []
    chains = np.flatnonzero(info.sequential_steps * (info.sweeps > 0))
    if chains.size:
        share = info.sequential_steps[chains].sum() / (info.n_steps * len(chains))
        found.append(
            Finding(
                f"{info.sequential_steps[chains].sum():,} steps ({share:.0%}) were taken one at a "
                f"time in {_chains(chains)}: sweeps stalled. The draws are right.",
                "Raise max_sweeps, take a smaller window, or damp (solver='clip-elk').",
            )
        )
    # Sweeps over the leapfrog steps of a trajectory are more than one a step.
    if info.sweeps.any() and not info.solver.sweeps_inner_steps:
        pace = info.n_steps / info.sweeps.max()
        if pace < _FEWEST_STEPS_A_SWEEP:
            found.append(
                Finding(
                    f"A sweep finished {pace:.1f} steps: this chain does not suit "
                    "sweeps. The draws are right.",
                    "Take solver='auto' or 'sequential'; for HMC shorter trajectories.",
                )
            )
    if info.plan is not None:
        found += [
            Finding(
                f"solver='auto' changed its method at step {change.step:,}: {change.cause}. The "
                "draws are right.",
                "Take solver='sequential' for this chain.",
            )
            for change in info.plan.changes
        ]
    return found


def _longest_run(flags: np.ndarray) -> int:
    """Largest number of neighbours that are true."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return int((ends[1::2] - ends[::2]).max(initial=0))


def _chains(chains: np.ndarray) -> str:
    return f"chain{'' if len(chains) == 1 else 's'} {', '.join(map(str, chains))}"
