"""Hares and lynxes from far away: our burn-in, then NumPyro's and BlackJAX's NUTS without warm-up.

Four chains start at a tenth to ten times the rates and numbers of the model's own start. Times are
for a second call, which compiles nothing. They are compared with the samplers' own warm-up from the
same starts.
"""

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
from benchmarks._record import print_table, write
from pmcmc.adapters.blackjax import from_burn_in as from_burn_in_blackjax
from pmcmc.adapters.numpyro import from_burn_in as from_burn_in_numpyro

N_CHAINS, N_WARMUP, N_DRAWS = 4, 1_000, 1_000


def timed(run: Callable[[], Any]) -> tuple[Any, float]:
    """The result of the second of two calls, and its seconds."""
    run()
    started = time.perf_counter()
    result = jax.block_until_ready(run())
    return result, time.perf_counter() - started


def numpyro_run(potential: Any, start: jax.Array, ready: pmcmc.BurnIn | None) -> tuple[Any, float]:
    """Draws `(chain, draw, D)` and the seconds of the warm-up."""
    kernel = NUTS(potential_fn=potential)
    if ready is not None:
        kernel, start = from_burn_in_numpyro(ready, potential_fn=potential)
    mcmc = MCMC(
        kernel,
        num_warmup=N_WARMUP if ready is None else 0,
        num_samples=N_DRAWS,
        num_chains=N_CHAINS,
        chain_method="vectorized",
        progress_bar=False,
    )
    seconds = 0.0
    key = jax.random.key(0)
    if ready is None:
        _, seconds = timed(lambda: mcmc.warmup(key, init_params=start) or mcmc.post_warmup_state)
        key = mcmc.post_warmup_state.rng_key
    mcmc.run(key, init_params=start)
    return mcmc.get_samples(group_by_chain=True), seconds


def blackjax_run(
    logdensity: Any, start: jax.Array, ready: pmcmc.BurnIn | None
) -> tuple[Any, float]:
    """Draws `(chain, draw, D)` and the seconds of the warm-up."""
    keys = jax.random.split(jax.random.key(0), N_CHAINS)
    seconds = 0.0
    if ready is None:
        adaptation = blackjax.window_adaptation(blackjax.nuts, logdensity)
        warm = jax.jit(jax.vmap(lambda key, x: adaptation.run(key, x, N_WARMUP)[0]))
        (states, parameters), seconds = timed(lambda: warm(keys, start))
    else:
        _, states = from_burn_in_blackjax(ready, blackjax.nuts, logdensity)
        parameters = jax.tree.map(lambda x: jnp.stack([x] * N_CHAINS), ready.parameters)

    @jax.jit
    @jax.vmap
    def chain(key: jax.Array, state: Any, parameters: Any) -> jax.Array:
        step = blackjax.nuts(logdensity, **parameters).step

        def body(state: Any, key: jax.Array) -> Any:
            state = step(key, state)[0]
            return state, state.position

        return jax.lax.scan(body, state, jax.random.split(key, N_DRAWS))[1]

    return chain(keys, states, parameters), seconds


def main() -> None:
    """Run, write and print."""
    jax.config.update("jax_enable_x64", True)
    target = pmcmc.targets.lotka_volterra()
    away = np.random.default_rng(0).uniform(-1, 1, (N_CHAINS, target.dim)) * np.log(10)
    starts = target.initial_position + away

    def burn_in(solver: str) -> pmcmc.BurnIn:
        return pmcmc.burn_in(target.logdensity, starts, n_chains=N_CHAINS, solver=solver)

    ready, ours = timed(lambda: burn_in("auto"))
    print(ready)
    rows = []
    samplers = {
        "NumPyro NUTS": lambda start, ready: numpyro_run(
            lambda x: -target.logdensity(x), start, ready
        ),
        "BlackJAX NUTS": lambda start, ready: blackjax_run(target.logdensity, start, ready),
    }
    for name, run in samplers.items():
        for after in (ready, None):
            start = jnp.asarray(starts if after is None else after.position)
            draws, seconds = run(start, after)
            data = arviz.convert_to_dataset({"x": np.asarray(draws)})
            rows.append(
                {
                    "sampler": name,
                    "burn-in": "own warm-up" if after is None else "pmcmc.burn_in",
                    "seconds of burn-in": seconds if after is None else ours,
                    "R-hat": float(arviz.rhat(data)["x"].max()),
                    "ESS": float(arviz.ess(data)["x"].min()),
                }
            )
    write(
        f"burn-in-{jax.default_backend()}",
        rows=rows,
        rounds=[float(rhat) for rhat in ready.rhat],
        steps=sum(int(report.n_steps.sum()) for report in ready.reports),
    )
    print_table(rows)


if __name__ == "__main__":
    main()
