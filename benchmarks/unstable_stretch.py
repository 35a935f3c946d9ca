"""A stretch of guesses where the recursion is expansive: sweeps overflow unless they are damped.

A Langevin chain starts on the ridge between two wells, where a small change grows by a factor of
1.7 per step. With the start as the guess for every step, the first linearized recurrence would grow
to about `1.7 ** 2000`. The chain itself falls into the wells, where it contracts. Undamped sweeps
overflow, and continue from values that replace the overflow. Damped sweeps do not overflow.

Draws `docs/unstable_stretch.png`.
"""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from jax import lax

from benchmarks._record import print_table, write
from benchmarks.two_well import draw_noise, logdensity
from pmcmc import ParallelNewton, Solution, solve
from pmcmc.solvers import ELK, Clip, ConstantGuess, Dense, Diagonal

FIGURE = Path(__file__).parents[1] / "docs" / "unstable_stretch.png"
STEP_SIZE = 0.1
RIDGE = np.array([0.05, 0.0])
LENGTH = 2000
METHODS: dict[str, dict[str, Any]] = {
    "undamped, diagonal": dict(jacobian=Diagonal(), damping=None),
    "clip-ELK, diagonal": dict(jacobian=Diagonal(), damping=Clip()),
    "ELK, diagonal": dict(jacobian=Diagonal(), damping=ELK(regularization=0.01)),
    "ELK, dense": dict(jacobian=Dense(), damping=ELK(regularization=0.01)),
}
STYLES = [("#D55E00", "-"), ("#0072B2", "-"), ("#009E73", "-"), ("#000000", ":")]  # Okabe & Ito
_LARGEST = 308  # decimal digits of the largest float64


def langevin(s: jax.Array, noise: jax.Array) -> jax.Array:
    """One unadjusted Langevin step; its derivative across is 1.7 on the ridge, 0.8 in a well."""
    return s + STEP_SIZE * jax.grad(logdensity)(s) + np.sqrt(2 * STEP_SIZE) * noise


@jax.jit
def loop(noise: jax.Array) -> jax.Array:
    """The chain, one step after another."""

    def step(s: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
        s = langevin(s, u)
        return s, s

    return lax.scan(step, jnp.asarray(RIDGE), noise)[1]


def evaluate(noise: jax.Array, choices: dict[str, Any]) -> Solution:
    """The solution by sweeps alone, with a log of every sweep."""
    solver = ParallelNewton(
        **choices, guess=ConstantGuess(), window=LENGTH, fallback=None, n_logged_sweeps=LENGTH
    )
    return solve(langevin, RIDGE, noise, solver=solver)


def summary(name: str, solution: Solution, chain: jax.Array) -> dict[str, Any]:
    """A row of results, with checks of the claims."""
    n_sweeps = int(solution.sweeps)
    reset = np.asarray(solution.sweep_log.reset)[:n_sweeps]
    difference = float(jnp.max(jnp.abs(solution.states - chain)))
    assert solution.converged
    assert difference < 1e-9
    assert (reset.max() > 0) == name.startswith("undamped")
    return {
        "method": name,
        "sweeps": n_sweeps,
        "sweeps that overflowed": int(np.sum(reset > 0)),
        "most steps replaced": int(reset.max()),
        "largest residual": float(np.nanmax(solution.sweep_log.residual)),
        "difference": difference,
    }


def draw(solutions: dict[str, Solution]) -> None:
    """Residual and finished steps against sweeps; crosses mark sweeps that overflowed."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for (name, solution), (color, dashes) in zip(solutions.items(), STYLES, strict=True):
        n_sweeps = int(solution.sweeps)
        residual, finished, reset, _ = (np.asarray(x)[:n_sweeps] for x in solution.sweep_log)
        sweep = np.arange(1, n_sweeps + 1)
        style = dict(color=color, linestyle=dashes, label=name, linewidth=2)
        digits = np.where(np.isfinite(residual), np.log10(residual), _LARGEST)
        left.plot(sweep, digits, **style)
        right.plot(sweep, finished, **style)
        overflowed = reset > 0
        if overflowed.any():
            left.plot(
                sweep[overflowed],
                digits[overflowed],
                "X",
                color=color,
                markeredgecolor="white",
                markersize=10,
                linestyle="none",
                label="that sweep overflowed",
            )
    left.axhline(_LARGEST, color="gray", linewidth=1, zorder=0)
    left.text(20, _LARGEST - 8, "not finite", va="top", color="gray")
    left.set(ylabel="$\\log_{10}$ of the largest residual", xlabel="sweep")
    right.set(ylabel=f"finished steps, of {LENGTH:,}", xlabel="sweep")
    left.legend(frameon=False, loc="center right")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=150)


def main() -> None:
    """Solve with and without damping, in float64, and draw what the sweeps did."""
    jax.config.update("jax_enable_x64", True)
    noise = draw_noise(0, LENGTH)
    chain = loop(noise)
    solutions = {name: evaluate(noise, choices) for name, choices in METHODS.items()}
    rows = [summary(name, solution, chain) for name, solution in solutions.items()]
    print_table(rows)
    write("unstable-stretch", step_size=STEP_SIZE, start=RIDGE.tolist(), steps=LENGTH, rows=rows)
    draw(solutions)


if __name__ == "__main__":
    main()
