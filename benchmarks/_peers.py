"""Chains of other libraries with the same kernels as ours, as their users run them."""

import concurrent.futures
import multiprocessing
import os
from collections.abc import Callable
from typing import Any

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
from numpyro.infer import HMC, MCMC

import pmcmc
from benchmarks._cases import Case, density_of

Run = Callable[[], Any]  # all steps of all chains; the first call compiles


def blackjax_step(kernel: Any, logdensity: Any) -> tuple[Callable[..., Any], Any] | None:
    """BlackJAX's step `(key, state) -> (state, info)` and `init`; `None` without such a kernel."""
    if isinstance(kernel, pmcmc.HMC):
        step = blackjax.hmc.build_kernel()
        metric = jnp.asarray(kernel.inverse_mass_matrix)
        number = kernel.num_integration_steps
        return lambda key, state: step(
            key, state, logdensity, kernel.step_size, metric, number
        ), blackjax.hmc.init
    if isinstance(kernel, pmcmc.RandomWalkMetropolis):
        scale = kernel.step_size * jnp.sqrt(jnp.asarray(kernel.inverse_mass_matrix))
        walk = blackjax.mcmc.random_walk
        rwm = walk.build_additive_step()
        return lambda key, state: rwm(key, state, logdensity, walk.normal(scale)), walk.init
    if isinstance(kernel, pmcmc.MALA):  # without a metric: one step costs nearly the same
        mala = blackjax.mala.build_kernel()
        size = kernel.step_size * float(np.min(kernel.inverse_mass_matrix))
        return lambda key, state: mala(key, state, logdensity, size), blackjax.mala.init
    return None


def blackjax_chain(kernel: Any, logdensity: Any, n: int) -> Callable[..., Any] | None:
    """BlackJAX's chain in `lax.scan`: `(start, key) -> (positions, acceptance rates)`."""
    found = blackjax_step(kernel, logdensity)
    if found is None:
        return None
    step, init = found

    def chain(start: jax.Array, key: jax.Array) -> Any:
        def body(state: Any, key: jax.Array) -> Any:
            state, info = step(key, state)
            return state, (state.position, info.acceptance_rate)

        return jax.lax.scan(body, init(start, logdensity), jax.random.split(key, n))[1]

    return chain


def blackjax_vmap(case: Case) -> Run:
    """All chains under `jax.vmap`, or a single chain without it."""
    chain = blackjax_chain(case.kernel, density_of(case.name), case.n)
    assert chain is not None
    keys = jax.random.split(jax.random.key(1), len(case.start))
    if len(case.start) == 1:
        alone, key = jax.jit(chain), keys[0]
        return lambda: jax.block_until_ready(alone(case.start[0], key))
    batch = jax.jit(jax.vmap(chain))
    return lambda: jax.block_until_ready(batch(case.start, keys))


def numpyro_hmc(case: Case, chain_method: str) -> Run:
    """NumPyro's HMC with our step size, metric and number of leapfrog steps.

    Under `jax.jit`, since `MCMC.run` compiles in every call.
    """
    logdensity, kernel = density_of(case.name), case.kernel
    hmc = HMC(
        potential_fn=lambda x: -logdensity(x),
        step_size=kernel.step_size,
        num_steps=kernel.num_integration_steps,
        trajectory_length=None,
        inverse_mass_matrix=jnp.asarray(kernel.inverse_mass_matrix),
        adapt_step_size=False,
        adapt_mass_matrix=False,
    )
    n_chains = len(case.start)
    start = jnp.asarray(case.start if n_chains > 1 else case.start[0])

    @jax.jit
    def draws(rng_key: jax.Array, start: jax.Array) -> Any:
        mcmc = MCMC(
            hmc,
            num_warmup=0,
            num_samples=case.n,
            num_chains=n_chains,
            chain_method=chain_method,
            progress_bar=False,
        )
        mcmc.run(rng_key, init_params=start)
        return mcmc.get_samples(group_by_chain=True)

    return lambda: jax.block_until_ready(draws(jax.random.key(1), start))


def elsewhere(n_processes: int, n_devices: int = 1) -> concurrent.futures.Executor:
    """Separate processes, each of which sees the CPU as `n_devices` devices."""
    context = multiprocessing.get_context("spawn")
    return concurrent.futures.ProcessPoolExecutor(n_processes, context, _set_up, (n_devices,))


def blackjax_processes(pool: Any, case: Case) -> Run:
    """Each chain in a process, as many at once as there are processes."""
    calls = [case._replace(start=row[None]) for row in case.start]
    return lambda: list(pool.map(_blackjax_there, calls))


def numpyro_parallel(pool: Any, case: Case) -> Run:
    """NumPyro's `chain_method="parallel"`, in a process with one device per chain."""
    return lambda: pool.submit(_numpyro_there, case).result()


_ready: dict[Any, Callable[..., Any]] = {}  # compiled code of this process, by case


def _set_up(n_devices: int) -> None:
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={n_devices}"
    jax.config.update("jax_enable_x64", True)


def _key(case: Case) -> Any:
    return case.name, type(case.kernel), case.n


def _blackjax_there(case: Case) -> Any:
    """Run BlackJAX's chain in this process, and keep the compiled code for the next call."""
    if _key(case) not in _ready:
        chain = blackjax_chain(case.kernel, density_of(case.name), case.n)
        assert chain is not None
        _ready[_key(case)] = jax.jit(chain)
    return jax.tree.map(np.asarray, _ready[_key(case)](case.start[0], jax.random.key(1)))


def _numpyro_there(case: Case) -> Any:
    if _key(case) not in _ready:
        _ready[_key(case)] = numpyro_hmc(case, "parallel")
    return np.asarray(_ready[_key(case)]())
