"""Compiled programs are shared by what is the same function, and go with it."""

import gc
import os
import subprocess
import sys
import textwrap
import threading
import weakref
from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

KERNEL = pmcmc.MALA(0.5)
START = np.zeros(2)


def sample(logdensity, **options):
    options = {"kernel": KERNEL, "solver": "sequential"} | options
    return pmcmc.sample(logdensity, START, 20, **options)


def density(center=0.0, traces=None):
    """A new function at every call, which records when it is traced."""

    def logdensity(x):
        if traces is not None:
            traces.append(center)
        return -0.5 * jnp.sum((x - center) ** 2)

    return logdensity


@pytest.mark.parametrize("solver", ["sequential", "quasi"])
def test_nothing_keeps_a_function_alive(solver):
    logdensity = density()
    alive = weakref.ref(logdensity)
    sample(logdensity, solver=solver, kernel=None, n_warmup=50)
    del logdensity
    gc.collect()
    assert alive() is None


def test_memory_of_many_functions_stays_bounded():
    # In a process of its own, where nothing else allocates.
    script = """
        import gc
        import numpy as np
        import pmcmc
        from tests.util.test_programs import density

        def megabytes():
            with open("/proc/self/status") as status:
                return next(int(row.split()[1]) for row in status if "VmRSS" in row) / 1024

        for i in range(22):
            if i == 10:
                before = megabytes()
            solver = ("sequential", "jacobi")[i % 2]
            pmcmc.sample(density(i), np.zeros(2), 20, kernel=pmcmc.MALA(0.5), solver=solver)
            gc.collect()
        print((megabytes() - before) / 12)
    """
    if not os.path.exists("/proc/self/status"):
        pytest.skip("memory of a process is read from /proc")
    command = [sys.executable, "-c", textwrap.dedent(script)]
    out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=os.getcwd())
    assert float(out.stdout) < 2.0


def test_a_second_process_finds_all_programs_of_the_first_on_disk(tmp_path):
    script = """
        import collections
        import jax
        import numpy as np
        import pmcmc
        from tests.util.test_programs import density

        seen = collections.Counter()
        jax.monitoring.register_event_listener(lambda event, **_: seen.update([event]))
        starts = np.zeros((4, 2))
        result = pmcmc.sample(density(), starts, 20, n_chains=4, chain_method="vectorized")
        misses = seen["/jax/compilation_cache/cache_misses"]
        print(seen["/jax/compilation_cache/cache_hits"], misses, result.positions.sum())
    """
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    command = [sys.executable, "-c", textwrap.dedent(script)]
    first, second = (
        subprocess.run(
            command, capture_output=True, text=True, check=True, env=os.environ | cache
        ).stdout.split()
        for _ in range(2)
    )
    assert int(first[1]) > 0
    assert [int(second[0]), int(second[1])] == [int(first[0]) + int(first[1]), 0]
    assert second[2] == first[2]


def test_the_same_function_is_traced_once():
    traces = []
    logdensity = density(traces=traces)
    sample(logdensity)
    n_traces = len(traces)
    sample(logdensity, rng_key=1)
    sample(logdensity, kernel=pmcmc.MALA(0.3))
    assert len(traces) == n_traces
    sample(density(traces=traces))
    assert len(traces) > n_traces


class Model:
    def __init__(self, center):
        self.center = center

    def logdensity(self, x):
        return -0.5 * jnp.sum((x - self.center) ** 2)


def test_a_bound_method_is_read_anew_each_time_it_is_taken_from_its_object():
    model = Model(0.0)
    before = sample(model.logdensity)
    model.center = 50.0
    after = sample(model.logdensity)
    np.testing.assert_allclose(before.stats["logdensity"], expected(before, 0.0))
    np.testing.assert_allclose(after.stats["logdensity"], expected(after, 50.0))


def test_a_function_that_is_kept_is_read_once():
    model = Model(0.0)
    logdensity = model.logdensity
    sample(logdensity)
    model.center = 50.0
    again = sample(logdensity, rng_key=1)
    np.testing.assert_allclose(again.stats["logdensity"], expected(again, 0.0))


def expected(result, center):
    return -0.5 * np.sum((result.positions - center) ** 2, axis=-1)


@dataclass(frozen=True)
class Comparable:
    center: float
    traces: list = field(compare=False, default_factory=list)

    def __call__(self, x):
        self.traces.append(self.center)
        return -0.5 * jnp.sum((x - self.center) ** 2)


def test_an_equal_function_shares_programs_while_the_first_one_lives():
    first, second = Comparable(1.0), Comparable(1.0)
    sample(first)
    sample(second)
    assert first.traces
    assert not second.traces
    other = sample(Comparable(2.0))
    np.testing.assert_allclose(other.stats["logdensity"], expected(other, 2.0))
    del first
    gc.collect()
    again = sample(second, rng_key=1)
    np.testing.assert_allclose(again.stats["logdensity"], expected(again, 1.0))


def test_objects_that_nothing_can_refer_to_weakly_can_be_sampled():
    @dataclass(frozen=True, slots=True)
    class Slotted:
        center: float

        def __call__(self, x):
            return -0.5 * jnp.sum((x - self.center) ** 2)

    result = sample(Slotted(3.0))
    np.testing.assert_allclose(result.stats["logdensity"], expected(result, 3.0))


def test_threads_that_sample_one_function_and_others_get_their_own_chains():
    shared = density(1.0)
    functions = [shared, density(2.0), shared, density(3.0)]
    centers = [1.0, 2.0, 1.0, 3.0]
    results = [None] * 4

    def run(i):
        results[i] = sample(functions[i], rng_key=i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result, center in zip(results, centers, strict=True):
        np.testing.assert_allclose(result.stats["logdensity"], expected(result, center))


def test_kernels_without_a_log_density_keep_few_programs():
    def chain(shift):
        kernel = pmcmc.CustomKernel(
            lambda x, noise: 0.5 * x + shift + noise, lambda key, x: jnp.zeros(x.shape)
        )
        return pmcmc.sample(None, START, 20, kernel=kernel, solver="sequential").positions

    functions = [chain(float(shift)) for shift in range(10)]
    for shift, positions in enumerate(functions):
        np.testing.assert_allclose(positions[0, -1], 2 * shift, rtol=1e-5)
    np.testing.assert_array_equal(chain(0.0), functions[0])
