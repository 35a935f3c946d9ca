"""Chains in blocks on threads are those of a plain loop, under the settings of the caller."""

import logging
import os
import subprocess
import sys
import threading

import jax
import numpy as np
import pytest

import pmcmc
from pmcmc._chain.layout import Layout
from pmcmc._chain.layouts import Layouts

from ..helpers.densities import gaussian, gaussian_numpy
from ..helpers.kernels import mala_loop, noise_of

KERNEL = pmcmc.MALA(0.3)
N_CHAINS, N_STEPS = 3, 700
STARTS = np.random.default_rng(0).normal(size=(N_CHAINS, 2))
KEY = jax.random.key(3)


def sample(logdensity=gaussian, n_steps=N_STEPS, **choices):
    options = dict(kernel=KERNEL, n_chains=N_CHAINS, rng_key=KEY, solver="sequential") | choices
    return pmcmc.sample(logdensity, STARTS, n_steps, **options)


@pytest.fixture(scope="module")
def loops():
    """Positions and decisions of each chain, by NumPy."""
    noises = [noise_of(KERNEL, KEY, chain, N_STEPS, 2) for chain in range(N_CHAINS)]
    return [
        mala_loop(gaussian_numpy, start, 0.3, noise)[:2]
        for start, noise in zip(STARTS, noises, strict=True)
    ]


def check(result, loops, atol=1e-9):
    for chain, (positions, decisions) in enumerate(loops):
        n_steps = result.positions.shape[1]
        np.testing.assert_array_equal(result.stats["is_accepted"][chain], decisions[:n_steps])
        np.testing.assert_allclose(result.positions[chain], positions[:n_steps], rtol=0, atol=atol)


@pytest.mark.parametrize("options", [(1, 2), (1, 1), (2, 2), (3, 1)], ids=str)
def test_chains_of_any_layout_are_those_of_a_loop(monkeypatch, loops, options):
    monkeypatch.setattr("pmcmc._planning.task.candidates", lambda *_: (Layout(*options),))
    result = sample()
    check(result, loops)
    assert result.info.chain_method[1:3] == options
    last = result.final_state.position
    np.testing.assert_array_equal(last, result.positions[:, -1])


@pytest.mark.parametrize("fastest", [Layout(1, 2), Layout(3, 1)])
def test_the_fastest_layout_is_found_on_the_way(monkeypatch, loops, fastest):
    took, used = Layouts.took, []

    def planted(self, used_layout, n_steps, seconds, length):
        used.append((used_layout, n_steps))
        seconds = 1e-3 * n_steps * (1 if used_layout == fastest else 20)
        took(self, used_layout, n_steps, seconds, length)

    def logdensity(x):  # a new one, of which nothing is known
        return gaussian(x)

    monkeypatch.setattr(Layouts, "took", planted)
    monkeypatch.setattr("pmcmc._planning.task.n_cores", lambda: 2)
    result = sample(logdensity, solver="auto")
    check(result, loops)
    assert result.info.chain_method[1:3] == fastest
    assert used[-1][0] == fastest
    assert len({block for (block, _), n_steps in used if n_steps}) == 2
    assert "parallel, 2 threads" in repr(result)
    # Known from now on.
    used.clear()
    sample(logdensity, solver="auto")
    assert {used_layout for used_layout, _ in used} == {fastest}


def test_sweeps_in_threads(loops):
    result = sample(n_steps=100, solver="quasi", chain_method="parallel")
    assert result.info.converged.all()
    assert result.info.sweeps.shape == (N_CHAINS,)
    assert (result.info.sweeps > 0).all()
    check(result, loops, atol=1e-4)


def test_other_keys_starts_step_sizes_and_lengths_compile_nothing(caplog):
    sample(chain_method="parallel")
    with jax.log_compiles(), caplog.at_level(logging.DEBUG, logger="jax"):
        sample(chain_method="parallel", rng_key=5, kernel=pmcmc.MALA(0.2), n_steps=600)
    assert not [r for r in caplog.records if "Finished XLA compilation" in r.getMessage()]


def test_threads_run_under_the_settings_of_the_caller(float32):
    alone, together = (sample(chain_method=m) for m in ("parallel", "vectorized"))
    assert alone.positions.dtype == alone.stats["acceptance_rate"].dtype == np.float32
    np.testing.assert_array_equal(alone.stats["is_accepted"], together.stats["is_accepted"])
    np.testing.assert_allclose(alone.positions, together.positions, rtol=0, atol=1e-4)


CODE = """
import jax, jax.numpy as jnp, numpy as np, pmcmc
first, second = jax.devices()

def run(**choices):
    starts = choices.pop("place", lambda x: x)(np.arange(6.0).reshape(3, 2))
    return pmcmc.sample(lambda x: -0.5 * x @ x, starts, 40, kernel=pmcmc.MALA(0.3), n_chains=3,
                        solver="sequential", **choices)

with jax.enable_x64(True), jax.default_device(second):
    alone, together = run(chain_method="parallel"), run(chain_method="vectorized")
with jax.enable_x64(True):
    there = run(chain_method="parallel", place=lambda x: jax.device_put(x, second))
assert alone.positions.dtype == np.float64
np.testing.assert_allclose(alone.positions, together.positions, rtol=0, atol=1e-12)
np.testing.assert_allclose(there.positions, together.positions, rtol=0, atol=1e-12)
assert {r.info.device for r in (alone, together, there)} == {str(second)}
"""


def test_threads_run_on_the_device_of_the_caller():
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], check=False, env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()


def test_the_exception_of_the_first_chain_that_has_one_is_told(monkeypatch):
    third_has_failed = threading.Event()

    def evaluate(x):
        if x[0] > 1 and x[0] % 1:  # behind the start
            third_has_failed.wait(60) if x[0] < 2.5 else third_has_failed.set()
            raise ArithmeticError(f"too far: {x[0]:.0f}")
        return np.asarray(-0.5 * x @ x, x.dtype)

    def logdensity(x):
        shape = jax.ShapeDtypeStruct((), x.dtype)
        return jax.pure_callback(evaluate, shape, x, vmap_method="sequential")

    starts = np.array([[0.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    monkeypatch.setattr("pmcmc._planning.task.n_cores", lambda: 3)
    message = r"too far: 2.* in steps 0 to 49.*before step 0: \[\[0. 0.\] \[2. 0.\] \[3. 0.\]\]"
    with pytest.raises(RuntimeError, match=message) as caught:
        pmcmc.sample(
            logdensity,
            starts,
            50,
            kernel=pmcmc.RandomWalkMetropolis(1e-6),
            n_chains=3,
            chain_method="parallel",
            solver="sequential",
        )
    assert type(caught.value.__cause__) is ArithmeticError


def test_threads_of_users_that_sample_at_once_get_their_own_chains():
    results = {}

    def run(i):
        results[i] = sample(n_steps=200, chain_method="parallel", rng_key=i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, result in results.items():
        expected = sample(n_steps=200, chain_method="sequential", rng_key=i)
        np.testing.assert_array_equal(result.positions, expected.positions)
