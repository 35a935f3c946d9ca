"""NUTS of other libraries with warm-up, as their users run it."""

import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
from numpyro.infer import MCMC, NUTS

from benchmarks._record import n_cores

AIM = 0.8  # target acceptance rate, the default of all of them


class Posterior(NamedTuple):
    """What to sample, and for how long.

    Args:
        logdensity: of a position `(D,)`.
        starts: shape `(chain, D)`.
        is_forward: whether to take gradients in forward mode, because it is faster.
        n_warmup: number of warm-up steps of each chain.
        n_draws: number of draws of each chain after the warm-up.
    """

    logdensity: Callable[[jax.Array], jax.Array]
    starts: np.ndarray
    is_forward: bool
    n_warmup: int
    n_draws: int


Draws = tuple[np.ndarray, float]  # shape `(chain, draw, D)`, and the acceptance rate
Sampler = Callable[[int], Draws]  # takes a seed; the first call compiles


def samplers(posterior: Posterior) -> dict[str, Sampler]:
    """All installed samplers, by name."""
    found = {
        "NumPyro NUTS": numpyro_nuts(posterior, is_dense=True),
        "NumPyro NUTS, diagonal": numpyro_nuts(posterior, is_dense=False),
        "BlackJAX NUTS": blackjax_nuts(posterior),
    }
    if importlib.util.find_spec("nutpie"):
        found["nutpie"] = nutpie_nuts(posterior)
    return found


def numpyro_nuts(posterior: Posterior, is_dense: bool) -> Sampler:
    """NumPyro's NUTS, one chain after another: `jax.vmap` makes inner loops even slower."""
    kernel = NUTS(
        potential_fn=lambda x: -posterior.logdensity(x),
        dense_mass=is_dense,
        forward_mode_differentiation=posterior.is_forward,
    )
    mcmc = MCMC(
        kernel,
        num_warmup=posterior.n_warmup,
        num_samples=posterior.n_draws,
        num_chains=len(posterior.starts),
        chain_method="sequential",
        progress_bar=False,
    )
    starts = jnp.asarray(posterior.starts)

    def sample(seed: int) -> Draws:
        mcmc.run(jax.random.key(seed), init_params=starts, extra_fields=("accept_prob",))
        draws = np.asarray(mcmc.get_samples(group_by_chain=True))
        return draws, float(mcmc.get_extra_fields()["accept_prob"].mean())

    return sample


def blackjax_nuts(posterior: Posterior) -> Sampler:
    """BlackJAX's NUTS after window adaptation of a dense metric, one chain after another."""
    logdensity = _differentiable(posterior)
    adaptation = blackjax.window_adaptation(
        blackjax.nuts, logdensity, is_mass_matrix_diagonal=False, target_acceptance_rate=AIM
    )

    @jax.jit
    def chain(rng_key: jax.Array, start: jax.Array) -> tuple[jax.Array, jax.Array]:
        warmup_key, key = jax.random.split(rng_key)
        (state, parameters), _ = adaptation.run(warmup_key, start, posterior.n_warmup)
        step = blackjax.nuts(logdensity, **parameters).step

        def body(state: Any, key: jax.Array) -> Any:
            state, info = step(key, state)
            return state, (state.position, info.acceptance_rate)

        return jax.lax.scan(body, state, jax.random.split(key, posterior.n_draws))[1]

    def sample(seed: int) -> Draws:
        keys = jax.random.split(jax.random.key(seed), len(posterior.starts))
        chains = [chain(key, x) for key, x in zip(keys, jnp.asarray(posterior.starts), strict=True)]
        draws, rates = (np.stack(rows) for rows in zip(*chains, strict=True))
        return draws, float(rates.mean())

    return sample


def nutpie_nuts(posterior: Posterior) -> Sampler:
    """Nutpie with its defaults, one thread per core, and gradients by JAX."""
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    starts, dim = posterior.starts, posterior.starts.shape[1]
    both = jax.jit(jax.value_and_grad(_differentiable(posterior)))

    def value_and_gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = both(x)
        return float(value), np.asarray(gradient)

    model = from_pyfunc(
        dim,
        lambda: value_and_gradient,
        lambda *_: lambda x: {"x": x},
        [np.dtype(float)],
        [(dim,)],
        ["x"],
        make_initial_point_fn=lambda seed: starts[(seed or 0) % len(starts)],
    )

    def sample(seed: int) -> Draws:
        trace = nutpie.sample(
            model,
            tune=posterior.n_warmup,
            draws=posterior.n_draws,
            chains=len(starts),
            cores=n_cores(),
            seed=seed,
            progress_bar=False,
        )
        rates = trace.sample_stats["mean_tree_accept"]
        return trace.posterior["x"].values, float(rates.mean())

    return sample


def _differentiable(posterior: Posterior) -> Callable[[jax.Array], jax.Array]:
    """The log density with gradients in the faster mode, for samplers that call `jax.grad`."""
    if not posterior.is_forward:
        return posterior.logdensity
    logdensity = jax.custom_vjp(posterior.logdensity)

    def forward(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return posterior.logdensity(x), jax.jacfwd(posterior.logdensity)(x)

    logdensity.defvjp(forward, lambda gradient, cotangent: (gradient * cotangent,))
    return logdensity
