"""Chains of other libraries with the kernels of ours, as their users run them."""

import concurrent.futures
import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import blackjax
import jax
import jax.numpy as jnp
import numpy as np
from numpyro.infer import HMC, MCMC

import pmcmc
from benchmarks._cases import Case, density_of

Run = Callable[[], Any]  # all steps of all chains; the first call compiles
N_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def blackjax_step(kernel: Any, logdensity: Any) -> tuple[Callable[..., Any], Any] | None:
    """BlackJAX's step `(key, state) -> (state, info)` and its `init`, where it has the kernel."""
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
    """BlackJAX's chain in `lax.scan`, `(start, key) -> (positions, acceptance rates)`."""
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
    """All chains under `jax.vmap`; one chain without it."""
    chain = blackjax_chain(case.kernel, density_of(case.name), case.n)
    assert chain is not None
    keys = jax.random.split(jax.random.key(1), len(case.start))
    if len(case.start) == 1:
        alone, key = jax.jit(chain), keys[0]
        return lambda: jax.block_until_ready(alone(case.start[0], key))
    batch = jax.jit(jax.vmap(chain))
    return lambda: jax.block_until_ready(batch(case.start, keys))


def numpyro_hmc(case: Case, chain_method: str) -> Run:
    """NumPyro's HMC with the step size, metric and length of ours."""
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
    mcmc = MCMC(
        hmc,
        num_warmup=0,
        num_samples=case.n,
        num_chains=len(case.start),
        chain_method=chain_method,
        progress_bar=False,
    )
    start = jnp.asarray(case.start if len(case.start) > 1 else case.start[0])

    def run() -> Any:
        mcmc.run(jax.random.key(1), init_params=start)
        mcmc.post_warmup_state = mcmc.last_state  # the next call compiles nothing
        return jax.block_until_ready(mcmc.get_samples(group_by_chain=True))

    return run


@contextmanager
def elsewhere(n_processes: int, n_devices: int = 1) -> Iterator[Any]:
    """An executor of processes of their own, each with as many devices of the host."""
    flags = os.environ.get("XLA_FLAGS")
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={n_devices}"
    try:
        with concurrent.futures.ProcessPoolExecutor(
            n_processes, multiprocessing.get_context("spawn"), _use_float64
        ) as pool:
            yield pool
    finally:
        if flags is None:
            del os.environ["XLA_FLAGS"]
        else:
            os.environ["XLA_FLAGS"] = flags


def blackjax_processes(pool: Any, case: Case) -> Run:
    """One chain a process, as many at once as there are processes."""
    calls = [case._replace(start=row[None]) for row in case.start]
    return lambda: list(pool.map(_there, ["blackjax"] * len(calls), calls))


def numpyro_devices(pool: Any, case: Case) -> Run:
    """NumPyro's `chain_method="parallel"`, in a process whose CPU is split into devices."""
    return lambda: pool.submit(_there, "numpyro", case).result()


_ready: dict[Any, Callable[..., Any]] = {}  # of a process, by case


def _use_float64() -> None:
    jax.config.update("jax_enable_x64", True)


def _there(library: str, case: Case) -> Any:
    """Run a case in this process; what it needs compiled stays for the next call."""
    key = (library, case.name, type(case.kernel), len(case.start), case.n)
    if library == "numpyro":
        if key not in _ready:
            _ready[key] = numpyro_hmc(case, "parallel")
        return np.asarray(_ready[key]())
    if key not in _ready:
        chain = blackjax_chain(case.kernel, density_of(case.name), case.n)
        assert chain is not None
        _ready[key] = jax.jit(chain)
    return jax.tree.map(np.asarray, _ready[key](case.start[0], jax.random.key(1)))
