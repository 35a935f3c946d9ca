"""Problems that the record of a run shows: outcome, divergences, acceptance, sweeps."""

from typing import Any

import numpy as np

from pmcmc._adaptation.rounds import is_poor
from pmcmc._adaptation.stationarity import lost_chains
from pmcmc.diagnostics._finding import Finding, name_chains
from pmcmc.solvers import Outcome

# An acceptance rate below half the target, or more than halfway from it to 1, is inefficient.
_TOO_LOW, _TOO_HIGH = 0.5, 0.5
# Coarsest resolution of log densities. At 8, a normal came out with 1.3 times its deviation.
_COARSEST = 1.0
_FEWEST_STEPS_A_SWEEP = 2.0
_MOST_DIVERGENT = 1e-3  # of the draws of a chain; one may happen in a good run too


def unsolved(info: Any) -> list[Finding]:
    """Chains that the solver failed to compute."""
    outcomes = np.array(info.outcome)
    found = []
    for outcome in (Outcome.NOT_FINITE, Outcome.BUDGET_SPENT):
        chains = np.flatnonzero(outcomes == outcome)
        if not chains.size:
            continue
        size = info.scaled_residual[chains].max()
        text = f"{name_chains(chains)}: {outcome.cause}"
        if outcome == Outcome.BUDGET_SPENT:
            text += ". The draws are not the loop's "
            text += f"(residual {size:.1e} times the tolerance)" if size > 1 else "(in the warm-up)"
        found.append(Finding(f"{text}.", f"Do not use the draws: {outcome.remedy}."))
    return found


def lost(stats: dict[str, np.ndarray]) -> list[Finding]:
    """Chains that stayed far below the log density that another chain reached."""
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
            f"{levels[is_lost].max():,.1f} there; the best chain has a mean of {best:,.1f}.",
            "Start all chains from the result of pmcmc.burn_in, which restarts lost chains, or of "
            "pmcmc.warmup(..., init_to_mode=True).",
        )
    ]


def coarse_logdensity(stats: dict[str, np.ndarray]) -> list[Finding]:
    """Log densities so large that rounding hides the difference between proposals."""
    levels = stats.get("logdensity")
    if levels is None:
        return []
    gap = float(np.spacing(np.abs(levels).max()))
    if not gap > _COARSEST:
        return []
    return [
        Finding(
            f"Log densities are about {np.median(levels):.1e}, where {levels.dtype} has a "
            f"resolution of {gap:g}: rounding decides what is accepted.",
            "Set jax_enable_x64, or drop constants from the terms of the log density.",
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
            "the chains may miss part of the target.",
            "Use a smaller step_size or a higher target_acceptance_rate in pmcmc.warmup, or "
            "reparameterize the model (non-centered, logarithms).",
        )
    ]


def acceptance(info: Any, stats: dict[str, np.ndarray], dim: int) -> list[Finding]:
    """Acceptance rates far from the kernel's target in `dim` dimensions."""
    aim = info.kernel.acceptance_rate_to_aim_at(dim)
    if aim is None:
        return []
    rates = stats["acceptance_rate"].mean(axis=1)
    is_along_surrogate = info.kernel.surrogate_of_logdensity() is not None
    found = []
    for is_off, word, remedy in (
        (rates < _TOO_LOW * aim, "low", "smaller"),
        # A surrogate costs almost nothing, so no acceptance rate is too high for its trajectories.
        ((rates > aim + _TOO_HIGH * (1 - aim)) & (not is_along_surrogate), "high", "larger"),
    ):
        chains = np.flatnonzero(is_off)
        if chains.size:
            found.append(
                Finding(
                    f"Acceptance is {word}: {rates[chains].mean():.2f} in {name_chains(chains)}; "
                    f"about {aim:g} is efficient.",
                    f"Use a {remedy} step_size, or let a longer n_warmup tune it.",
                )
            )
    return found


def surrogate(info: Any) -> list[Finding]:
    """A surrogate that was a poor guide to the log density."""
    notes = [] if info.warmup is None else info.warmup.notes
    last = [note for note in notes if note.tunes == "surrogate"][-1:]
    return [
        Finding(
            "The warm-up ended with a surrogate of degree {degree:.0f} whose held-out error is "
            "{held_out_error:.2g} in the log density. {acceptance_rate:.0%} of all proposals "
            "were accepted, and the longest standstill was {longest_standstill:,.0f} steps: a "
            "poor guide to this log density.".format(**note.figures),
            "Use kernel='hmc' or 'mala', or a longer n_warmup.",
        )
        for note in last
        if is_poor(note.figures)
    ]


def sweeps(info: Any) -> list[Finding]:
    """Sweeps that cost more than they gained; the draws are correct all the same."""
    found = []
    chains = np.flatnonzero(info.sequential_steps * (info.sweeps > 0))
    if chains.size:
        share = info.sequential_steps[chains].sum() / (info.n_steps * len(chains))
        found.append(
            Finding(
                f"{info.sequential_steps[chains].sum():,} steps ({share:.0%}) were taken one at a "
                f"time in {name_chains(chains)}, because sweeps stalled. The draws are correct.",
                "Raise max_sweeps, use a smaller window, or add damping (solver='clip-elk').",
            )
        )
    # If sweeps run over the leapfrog steps of a trajectory, each step takes several.
    if info.sweeps.any() and not info.solver.sweeps_inner_steps:
        pace = info.n_steps / info.sweeps.max()
        if pace < _FEWEST_STEPS_A_SWEEP:
            found.append(
                Finding(
                    f"A sweep finished only {pace:.1f} steps on average: sweeps do not suit this "
                    "chain. The draws are correct.",
                    "Use solver='auto' or 'sequential'. With HMC, try shorter trajectories.",
                )
            )
    if info.plan is not None:
        found += [
            Finding(
                f"At step {change.step:,}, solver='auto' switched methods: {change.cause}. The "
                "draws are correct.",
                "Use solver='sequential' for this chain.",
            )
            for change in info.plan.changes
        ]
    return found
