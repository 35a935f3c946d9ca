"""What the record of a run says of draws: its outcome, divergences, acceptance, sweeps."""

from typing import Any

import numpy as np

from pmcmc._adaptation.rounds import is_poor
from pmcmc._adaptation.stationarity import lost_chains
from pmcmc.diagnostics._finding import Finding, name_chains
from pmcmc.solvers import Outcome

# An acceptance rate of half the aim, or halfway from the aim to 1, costs efficiency.
_TOO_LOW, _TOO_HIGH = 0.5, 0.5
_COARSEST = 1.0  # of log densities: with 8, deviations of a normal were 1.3 times too large
_FEWEST_STEPS_A_SWEEP = 2.0
_MOST_DIVERGENT = 1e-3  # of the draws of a chain; one may happen in a good run too


def unsolved(info: Any) -> list[Finding]:
    """Chains that the solver did not find."""
    outcomes = np.array(info.outcome)
    found = []
    for outcome in (Outcome.NOT_FINITE, Outcome.BUDGET_SPENT):
        chains = np.flatnonzero(outcomes == outcome)
        if not chains.size:
            continue
        size = info.scaled_residual[chains].max()
        text = f"{name_chains(chains)}: {outcome.cause}"
        if outcome == Outcome.BUDGET_SPENT:
            text += ", so they are not what the loop would give "
            text += f"(residual {size:.1e} times the tolerance)" if size > 1 else "(in the warm-up)"
        found.append(Finding(f"{text}.", f"Do not use the draws: {outcome.remedy}."))
    return found


def lost(stats: dict[str, np.ndarray]) -> list[Finding]:
    """Chains that did not get to where another one found the mass."""
    levels = stats.get("logdensity")
    if levels is None or not np.isfinite(levels).all():
        return []
    is_lost = lost_chains(levels)
    if not is_lost.any():
        return []
    best = levels.mean(axis=1).max()
    return [
        Finding(
            f"{name_chains(np.flatnonzero(is_lost))} got lost: the log density is at most "
            f"{levels[is_lost].max():,.1f} there, and {best:,.1f} in the mean of the best chain.",
            "Start all chains where pmcmc.burn_in ends, which sends lost ones to the others, or "
            "where pmcmc.warmup(..., init_to_mode=True) does.",
        )
    ]


def coarse_logdensity(stats: dict[str, np.ndarray]) -> list[Finding]:
    """A log density so large that its precision does not tell proposals apart."""
    levels = stats.get("logdensity")
    if levels is None:
        return []
    gap = float(np.spacing(np.abs(levels).max()))
    if not gap > _COARSEST:
        return []
    return [
        Finding(
            f"Log densities of about {np.median(levels):.1e} in {levels.dtype} are told apart "
            f"by {gap:g} at best: rounding decides what is accepted.",
            "Set jax_enable_x64, or subtract from the terms of the log density what is constant.",
        )
    ]


def divergences(info: Any, stats: dict[str, np.ndarray]) -> list[Finding]:
    """Steps whose energy error was too large, where they are more than an accident."""
    counts = stats["is_divergent"].sum(axis=1)
    most = max(1.0, _MOST_DIVERGENT * stats["is_divergent"].shape[1])
    if not (counts > most).any():
        return []
    kept = "" if info.thin == 1 else " among those kept"
    return [
        Finding(
            f"{counts.sum():,} divergent steps{kept}, in {name_chains(np.flatnonzero(counts))}: "
            "part of the target may not be reached.",
            "Take a smaller step_size or a higher target_acceptance_rate in pmcmc.warmup, or write "
            "the model in other coordinates (non-centered, logarithms).",
        )
    ]


def acceptance(info: Any, stats: dict[str, np.ndarray], dim: int) -> list[Finding]:
    """Acceptance rates far from what the kernel aims at in `dim` dimensions."""
    aim = info.kernel.acceptance_rate_to_aim_at(dim)
    if aim is None:
        return []
    rates = stats["acceptance_rate"].mean(axis=1)
    is_along_surrogate = info.kernel.surrogate_of_logdensity() is not None
    found = []
    for is_off, word, remedy in (
        (rates < _TOO_LOW * aim, "low", "smaller"),
        # Along a surrogate trajectories are as long as they should be: nothing is too high.
        ((rates > aim + _TOO_HIGH * (1 - aim)) & (not is_along_surrogate), "high", "larger"),
    ):
        chains = np.flatnonzero(is_off)
        if chains.size:
            found.append(
                Finding(
                    f"Acceptance is {word}: {rates[chains].mean():.2f} in {name_chains(chains)}, "
                    f"where {aim:g} is efficient.",
                    f"Take a {remedy} step_size, or have it tuned: a longer n_warmup.",
                )
            )
    return found


def surrogate(info: Any) -> list[Finding]:
    """A surrogate that was a poor guide to the log density."""
    notes = [] if info.warmup is None else info.warmup.notes
    last = [note for note in notes if note.tunes == "surrogate"][-1:]
    return [
        Finding(
            f"The warm-up ended with {note.words.split(';')[0]}: a poor guide to this log density.",
            "Take kernel='hmc' or 'mala', or a longer n_warmup.",
        )
        for note in last
        if is_poor(note.figures)
    ]


def sweeps(info: Any) -> list[Finding]:
    """Sweeps that cost more than they brought; the draws are right."""
    found = []
    chains = np.flatnonzero(info.sequential_steps * (info.sweeps > 0))
    if chains.size:
        share = info.sequential_steps[chains].sum() / (info.n_steps * len(chains))
        found.append(
            Finding(
                f"{info.sequential_steps[chains].sum():,} steps ({share:.0%}) were taken one at a "
                f"time in {name_chains(chains)}: sweeps stalled. The draws are right.",
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
