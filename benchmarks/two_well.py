"""Sweeps for a Langevin chain in a two-well potential, with the whole chain in one window.

The problem is from the literature (Gonzalez, 2026), with a published largest Lyapunov exponent of
-0.0145. So the chain forgets its start slowly, and the number of sweeps grows more slowly than the
length of the chain.

The form of the log density matters. The first sweeps throw the iterates far out, where one
component has all the weight. There, the second derivative of a `logsumexp` can have rounding errors
proportional to the squared distance, in place of zeros. The linearized recurrence then overflows,
which costs hundreds of sweeps. A `softplus` of the log odds is exact there.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import logsumexp

from benchmarks._record import print_table, write
from pmcmc import ParallelNewton, solve
from pmcmc.solvers import ConstantGuess, Dense, Diagonal, IterateGuess, JacobiGuess, RandomGuess

WEIGHTS = np.array([0.49, 0.51])
MEANS = np.array([[-1.4, 0.0], [1.6, 0.0]])
VARIANCES = np.array([[0.45, 0.45], [0.54, 0.45]])
_FACTORS = WEIGHTS / np.sqrt(np.prod(VARIANCES, axis=1))
STEP_SIZE = 0.01
START = np.zeros(2)
LENGTHS = (100, 1000, 10_000)
SEEDS = range(20)
TOLERANCES = (1e-12, 1e-6)
STRUCTURES = {
    "Dense()": Dense(),
    "Diagonal(n_probes=None)": Diagonal(n_probes=None),
    "Diagonal()": Diagonal(),
}
GUESSES = {
    "RandomGuess()": RandomGuess(),
    "IterateGuess()": IterateGuess(),
    "ConstantGuess()": ConstantGuess(),
    "JacobiGuess()": JacobiGuess(),
}


def logdensity(x: jax.Array) -> jax.Array:
    """Log density of the mixture, up to a constant, from the log odds of its components."""
    left, right = np.log(_FACTORS) + _exponents(x)
    return right + jax.nn.softplus(left - right)


def logsumexp_logdensity(x: jax.Array) -> jax.Array:
    """The same value, with a second derivative that is less exact far out."""
    return logsumexp(np.log(_FACTORS) + _exponents(x))


def weighted_logdensity(x: jax.Array) -> jax.Array:
    """The same value, with a second derivative that is lost to rounding far out."""
    return logsumexp(_exponents(x), b=_FACTORS)


def _exponents(x: jax.Array) -> jax.Array:
    return -0.5 * jnp.sum((x - MEANS) ** 2 / VARIANCES, axis=1)


def langevin(
    log_target: Callable[[jax.Array], jax.Array], s: jax.Array, noise: jax.Array
) -> jax.Array:
    """One unadjusted Langevin step."""
    return s + STEP_SIZE * jax.grad(log_target)(s) + np.sqrt(2 * STEP_SIZE) * noise


STEPS = {
    "softplus": partial(langevin, logdensity),
    "logsumexp": partial(langevin, logsumexp_logdensity),
    "logsumexp, b=weights": partial(langevin, weighted_logdensity),
}


def draw_noise(seed: int, length: int) -> jax.Array:
    """Standard normal noise of a chain."""
    return jax.random.normal(jax.random.key(seed), (length, 2))


@jax.jit
def loop(noise: jax.Array) -> jax.Array:
    """The chain, one step after another."""

    def step(s: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
        s = STEPS["softplus"](s, u)
        return s, s

    return lax.scan(step, jnp.asarray(START), noise)[1]


@jax.jit
def lyapunov_exponent(noise: jax.Array) -> jax.Array:
    """Growth rate of a small change to the start, from a tangent vector rescaled to length 1."""

    def step(carry: Any, u: jax.Array) -> tuple[Any, jax.Array]:
        s, direction = carry
        s, pushed = jax.jvp(lambda s: STEPS["softplus"](s, u), (s,), (direction,))
        growth = jnp.linalg.norm(pushed)
        return (s, pushed / growth), jnp.log(growth)

    start = jnp.asarray(START), jnp.ones(2) / np.sqrt(2)
    return jnp.mean(lax.scan(step, start, noise)[1])


def count_sweeps(
    structure: str,
    guess: str = "RandomGuess()",
    tolerance: float = TOLERANCES[0],
    length: int = LENGTHS[-1],
    form: str = "softplus",
) -> dict[str, Any]:
    """Sweeps for all seeds, and how far the solutions are from the loop."""
    solver = ParallelNewton(
        jacobian=STRUCTURES[structure],
        guess=GUESSES[guess],
        window=length,
        atol=tolerance,
        rtol=tolerance,
        fallback=None,
    )
    sweeps, differences = [], []
    for seed in SEEDS:
        noise = draw_noise(seed, length)
        solution = solve(STEPS[form], START, noise, solver=solver)
        assert solution.converged
        sweeps.append(int(solution.sweeps))
        differences.append(float(jnp.max(jnp.abs(solution.states - loop(noise)))))
    return {
        "log density": form,
        "structure": structure,
        "guess": guess,
        "tolerance": tolerance,
        "steps": length,
        "min": min(sweeps),
        "median": float(np.median(sweeps)),
        "max": max(sweeps),
        "difference": max(differences),
        "sweeps": sweeps,
    }


def main() -> None:
    """Count sweeps for structures, tolerances and guesses, in float64."""
    jax.config.update("jax_enable_x64", True)
    cases = [(name, "RandomGuess()", tol) for name in STRUCTURES for tol in TOLERANCES]
    cases += [("Dense()", guess, TOLERANCES[0]) for guess in list(GUESSES)[1:]]
    rows = [count_sweeps(*case, length) for case in cases for length in LENGTHS]
    rows += [
        count_sweeps("Dense()", guess, form=form)
        for form in list(STEPS)[1:]
        for guess in ("RandomGuess()", "ConstantGuess()")
    ]
    print_table([{key: row[key] for key in row if key != "sweeps"} for row in rows])
    exponents = [float(lyapunov_exponent(draw_noise(seed, LENGTHS[-1]))) for seed in SEEDS]
    print(f"Lyapunov exponent: mean {np.mean(exponents):.4f}, sd {np.std(exponents, ddof=1):.4f}")
    write("two-well", start=START.tolist(), lyapunov_exponents=exponents, rows=rows)


if __name__ == "__main__":
    main()
