"""Sweeps for two chains from the literature, each in one window as long as the chain.

The first is HMC on the banana (step size 0.5, 8 leapfrog steps, float32, 100,000 steps). The
published numbers are 139 sweeps for dense Newton and 534 for the exact diagonal (Zoltowski et al.,
2025, arXiv:2508.18413). The second is the Gibbs scan for eight schools with one variance per
school, 10,000 steps of 2 chains.
"""

from typing import Any

import jax
import numpy as np

import pmcmc
from benchmarks._record import print_table, write
from pmcmc import solvers

EXACT = solvers.Diagonal(n_probes=None)
MOST_SWEEPS = 1_000  # per window; if they are not enough, the row has not converged
# In a window as long as the chain, undamped sweeps diverge where the map expands, and finish only a
# few steps each: dense Newton needs 1,740 sweeps for 10,000 steps on the banana.
METHODS: dict[str, Any] = {
    "dense, scaled by 0.45": dict(jacobian=solvers.Dense(), damping=solvers.Scale(k=0.55)),
    "dense, adaptive ELK": dict(jacobian=solvers.Dense(), damping=solvers.ELK(is_adaptive=True)),
    "exact diagonal, scaled by 0.45": dict(jacobian=EXACT, damping=solvers.Scale(k=0.55)),
    "exact diagonal, clipped at 0.7": dict(jacobian=EXACT, damping=solvers.Clip(rho=0.7)),
    "Hutchinson diagonal, scaled by 0.3": dict(damping=solvers.Scale(k=0.7)),
}
PLAIN: dict[str, Any] = {
    "dense": dict(jacobian=solvers.Dense()),
    "exact diagonal": dict(jacobian=EXACT),
    "Hutchinson diagonal": {},
}


def row(name: str, method: str, n_chains: int, window: int, *arguments: Any, **given: Any) -> dict:
    """Sample with one method and with the loop, and compare."""
    solver = pmcmc.ParallelNewton(
        **(METHODS | PLAIN)[method], basis=None, window=window,
        max_sweeps=MOST_SWEEPS, fallback=None,
    )  # fmt: skip
    common = dict(n_chains=n_chains, progress=False, **given)
    result = pmcmc.sample(*arguments, solver=solver, **common)
    loop = pmcmc.sample(*arguments, solver="sequential", **common)
    decisions = result.stats["is_accepted"] == loop.stats["is_accepted"]
    found = {
        "chain": name,
        "T": arguments[2],
        "window": window,
        "method": method,
        "acceptance": float(loop.stats["acceptance_rate"].mean()),
        "sweeps": str(result.info.sweeps.tolist()),
        "converged": bool(result.info.converged.all()),
        "residual in tolerances": float(result.info.scaled_residual.max()),
        "same decisions": float(decisions.mean()),
        "largest difference": float(np.abs(result.positions - loop.positions).max()),
        "seconds": result.info.seconds_run,
        "loop, seconds": loop.info.seconds_run,
    }
    print(found, flush=True)
    return found


def main() -> None:
    """Run both chains with all methods."""
    rows = []

    def add(*arguments: Any, **given: Any) -> None:
        rows.append(row(*arguments, **given))
        write(f"published-{jax.default_backend()}", rows=rows)

    target = pmcmc.targets.banana()
    for n_steps in (10_000, 100_000):
        for method, window in [*((m, n_steps) for m in METHODS), *((m, 64) for m in PLAIN)]:
            add(
                "HMC, banana, float32", method, 1, window, target.logdensity,
                np.zeros(2, np.float32), n_steps, kernel=pmcmc.HMC(0.5, 8),
            )  # fmt: skip
    with jax.enable_x64(True):
        target = pmcmc.targets.eight_schools_gibbs()
        starts = target.initial_position + np.array([[0.0], [0.3]])
        for method, window in [(m, w) for w in (10_000, 64) for m in PLAIN]:
            add(
                "Gibbs, eight schools, float64", method, 2, window, None, starts, 10_000,
                kernel=pmcmc.CustomKernel(*target.gibbs),
            )  # fmt: skip
    print_table(rows)


if __name__ == "__main__":
    main()
