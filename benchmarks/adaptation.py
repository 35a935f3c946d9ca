"""Default warm-up on every target, compared with NumPyro's NUTS and BlackJAX's window adaptation.

Four chains start from dispersed positions: `sample(logdensity, x0, n)` with the kernels `"mala"`
(the default) and `"hmc"`, and the other libraries with their own defaults. Draws are judged by the
largest R-hat, the largest deviation of a mean from the target's reference in standard errors, and
the smallest bulk effective sample size per 1,000 gradients of the sampling phase.
"""

import argparse
import functools
import sys
import time
from collections.abc import Callable
from typing import Any

import arviz
import blackjax
import jax
import jax.numpy as jnp
import numpy as np
from numpyro.infer import MCMC, NUTS

import pmcmc
from benchmarks.__main__ import TARGETS
from benchmarks._record import print_table, write

N_CHAINS, N_WARMUP = 4, 1_000  # warm-up of the other libraries: Stan's default
N_STEPS = {"mala": 20_000, "hmc": 4_000, "numpyro nuts": 2_000, "blackjax hmc": 4_000}
LONGER = {"banana": 10, "funnel": 10, "eight_schools_gibbs": 5, "stochastic_volatility": 10,
          "item_response": 5}  # fmt: skip
THIN = 10
INTEGRATION_STEPS = 8

Draws = tuple[np.ndarray, float, float]  # positions, acceptance rate, gradients


def starts(target: pmcmc.targets.Target) -> np.ndarray:
    """The target's own start plus standard normal noise, shape `(chain, D)`."""
    noise = np.random.default_rng(1).normal(size=(N_CHAINS, target.dim))
    return target.initial_position + noise


def ours(kernel: str, name: str, target: pmcmc.targets.Target) -> Draws:
    """Draws from `pmcmc.sample` with defaults."""
    n = N_STEPS[kernel] * (LONGER.get(name, 1) if kernel == "mala" else 1)
    result = pmcmc.sample(
        target.logdensity, starts(target), n, kernel=kernel, n_chains=N_CHAINS,
        thin=THIN if kernel == "mala" else 1, progress=False,
    )  # fmt: skip
    steps = result.stats["num_integration_steps"].mean() if kernel == "hmc" else 1
    return result.positions, result.stats["acceptance_rate"].mean(), n * N_CHAINS * steps


def numpyro_nuts(name: str, target: pmcmc.targets.Target) -> Draws:
    """Draws from NumPyro's NUTS with defaults."""
    mcmc = MCMC(
        NUTS(potential_fn=lambda x: -target.logdensity(x)),
        num_warmup=N_WARMUP,
        num_samples=N_STEPS["numpyro nuts"],
        num_chains=N_CHAINS,
        chain_method="vectorized",
        progress_bar=False,
    )
    fields = ("num_steps", "accept_prob")
    mcmc.run(jax.random.key(0), init_params=jnp.asarray(starts(target)), extra_fields=fields)
    extra = mcmc.get_extra_fields()
    draws = np.asarray(mcmc.get_samples(group_by_chain=True))
    return draws, float(extra["accept_prob"].mean()), float(extra["num_steps"].sum())


def blackjax_hmc(name: str, target: pmcmc.targets.Target) -> Draws:
    """Draws from BlackJAX's HMC after window adaptation."""
    adaptation = blackjax.window_adaptation(
        blackjax.hmc, target.logdensity, num_integration_steps=INTEGRATION_STEPS
    )

    @jax.jit
    @jax.vmap
    def chain(key: jax.Array, start: jax.Array) -> Any:
        warm, cold = jax.random.split(key)
        (state, parameters), _ = adaptation.run(warm, start, N_WARMUP)
        step = blackjax.hmc(target.logdensity, **parameters).step

        def body(state: Any, key: jax.Array) -> Any:
            state, info = step(key, state)
            return state, (state.position, info.acceptance_rate)

        return jax.lax.scan(body, state, jax.random.split(cold, N_STEPS["blackjax hmc"]))[1]

    draws, rates = chain(jax.random.split(jax.random.key(0), N_CHAINS), jnp.asarray(starts(target)))
    n_gradients = N_CHAINS * N_STEPS["blackjax hmc"] * INTEGRATION_STEPS
    return np.asarray(draws), float(rates.mean()), n_gradients


SAMPLERS: dict[str, Callable[[str, pmcmc.targets.Target], Draws]] = {
    "mala": functools.partial(ours, "mala"),
    "hmc": functools.partial(ours, "hmc"),
    "numpyro nuts": numpyro_nuts,
    "blackjax hmc": blackjax_hmc,
}


def judged(target: pmcmc.targets.Target, draws: np.ndarray) -> dict[str, float]:
    """R-hat, deviation from the reference, and effective sample size."""
    constrained = jax.vmap(jax.vmap(target.constrain))(jnp.asarray(draws))
    wrap = (lambda x: x) if isinstance(constrained, dict) else (lambda x: {"x": x})
    data = arviz.convert_to_dataset(jax.tree.map(np.asarray, wrap(constrained)))
    errors = arviz.mcse(data)
    mean, mcse = wrap(target.reference.mean), wrap(target.reference.mcse_mean)
    deviations = [
        np.abs(data[name].mean(("chain", "draw")).values - mean[name])
        / np.hypot(errors[name].values, mcse[name])
        for name in mean
    ]
    return {
        "R-hat": max(float(x.max()) for x in arviz.rhat(data).values()),
        "standard errors": max(float(np.max(x)) for x in deviations),
        "ESS": min(float(x.min()) for x in arviz.ess(data).values()),
    }


def main() -> None:
    """Parse arguments, run the cases, write and print the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adaptation", description=__doc__)
    parser.add_argument("--targets", nargs="+", default=TARGETS, choices=TARGETS)
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS), choices=list(SAMPLERS))
    chosen = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    rows = []
    for name in chosen.targets:
        target = getattr(pmcmc.targets, name)()
        for sampler in chosen.samplers:
            started = time.perf_counter()
            draws, rate, n_gradients = SAMPLERS[sampler](name, target)
            seconds = time.perf_counter() - started
            seen = judged(target, draws)
            rows.append(
                {"target": name, "D": target.dim, "sampler": sampler, "acceptance": float(rate)}
                | seen
                | {
                    "ESS / 1,000 gradients": 1e3 * seen["ESS"] / n_gradients,
                    "seconds, all": seconds,
                }
            )
            print(rows[-1], file=sys.stderr, flush=True)
            write(f"adaptation-{jax.default_backend()}", rows=rows)
            jax.clear_caches()
    print_table(rows)


if __name__ == "__main__":
    main()
