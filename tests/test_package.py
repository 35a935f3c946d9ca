"""What importing does and does not do, and what compiles when."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc


def test_public_names():
    # In a process of its own: a test that imports pmcmc.adapters adds that name to the package.
    code = "import pmcmc; print(*(name for name in dir(pmcmc) if not name.startswith('_')))"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert printed.stdout.decode().split() == [
        "Auto",
        "Barker",
        "BurnIn",
        "ChainMethod",
        "CustomKernel",
        "HMC",
        "Langevin",
        "MALA",
        "MetropolisHastings",
        "Moments",
        "ParallelNewton",
        "Plan",
        "RandomWalkMetropolis",
        "Result",
        "RunInfo",
        "Sequential",
        "Solution",
        "Speculative",
        "SurrogateHMC",
        "Warmup",
        "burn_in",
        "diagnostics",
        "external",
        "kernels",
        "plan",
        "plots",
        "resume",
        "sample",
        "solve",
        "solvers",
        "surrogates",
        "targets",
        "warmup",
    ]


def test_import_leaves_no_array_and_no_setting_behind():
    code = """
import jax
before = dict(jax.config.values)
import pmcmc, pmcmc.targets, pmcmc.kernels, pmcmc.solvers, sys
assert jax.live_arrays() == []
assert dict(jax.config.values) == before
assert not {"arviz", "matplotlib", "numpyro", "blackjax", "pandas"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def compilations():
    """Counts what XLA compiles while it is on."""
    seen = []

    def listen(event, duration, **_):
        if event.endswith("backend_compile_duration"):
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield seen
    if hasattr(jax.monitoring, "unregister_event_duration_listener"):  # not in JAX 0.7
        jax.monitoring.unregister_event_duration_listener(listen)


@pytest.mark.parametrize("solver", ["sequential", "quasi"])
def test_second_call_with_other_numbers_compiles_nothing(solver, compilations):
    traces = []

    def logdensity(x):
        traces.append(None)
        return -0.5 * jnp.sum(x**2)

    def run(seed, step_size, n_steps):
        start = np.random.default_rng(seed).normal(size=(2, 3))
        return pmcmc.sample(
            logdensity,
            start,
            n_steps,
            kernel=pmcmc.MALA(step_size=step_size),
            solver=solver,
            n_chains=2,
            rng_key=seed,
        )

    step_sizes = [0.2, jnp.float64(0.3), np.float32(0.3)]
    run(0, 0.1, 40)
    assert len(traces) == 1
    assert compilations
    compilations.clear()
    for seed, step_size in enumerate(step_sizes):
        run(np.int64(seed), step_size, 40 + seed)
    assert len(traces) == 1
    assert compilations == []


def test_lengths_of_warmup_and_chain_do_not_recompile(compilations):
    traces = []

    def logdensity(x):
        traces.append(None)
        return -0.5 * jnp.sum(x**2)

    pmcmc.sample(logdensity, np.zeros(3), 40, n_warmup=5, solver="quasi")
    compilations.clear()
    pmcmc.sample(logdensity, np.ones(3), 70, n_warmup=50, solver="quasi", rng_key=4)
    assert len(traces) == 1
    assert compilations == []
