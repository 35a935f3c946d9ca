"""A start that lives on another device is sampled there."""

import os
import subprocess
import sys

CODE = """
import jax, jax.numpy as jnp, numpy as np, pmcmc
from pmcmc._adaptation.criteria import metric
from pmcmc._arguments import as_task
from pmcmc._chain.problem import init_states

first, second = jax.devices()
there = lambda x: jax.device_put(jnp.asarray(x, jnp.float32), second)

def logdensity(x):
    return -0.5 * jnp.sum(x["a"] ** 2) - 0.5 * x["b"] ** 2

def run(x0, **choices):
    return pmcmc.sample(logdensity, x0, 40, kernel=pmcmc.MALA(0.3), **choices)

here = {"a": np.ones(2, np.float32), "b": np.float32(0.5)}
x0 = jax.tree.map(there, here)
mixed = {"a": there(here["a"]), "b": here["b"]}
committed_key = jax.device_put(jax.random.key(0), first)
expected = run(here, solver="sequential")
assert expected.info.device == str(first)
for solver in ("sequential", "quasi", "auto"):
    for start, key in ((x0, 0), (mixed, jax.random.key(0)), (x0, committed_key)):
        result = run(start, solver=solver, rng_key=key)
        assert result.info.device == str(second), result.info.device
        np.testing.assert_allclose(result.positions["a"], expected.positions["a"], atol=1e-3)
task = as_task(logdensity, x0, pmcmc.MALA(0.3), 1, committed_key)
assert task.problem.positions.device == second
states = init_states(task.problem.logdensity, task.kernel, task.problem.positions)
assert states.logdensity.device == second
runner = task.runner(pmcmc.ParallelNewton(), task.kernel, 8)
assert runner.advance(task.kernel, task.problem.positions, task.rng_key, 0, 8).last.device == second
ready = pmcmc.burn_in(logdensity, x0, n_steps=40, max_rounds=2, solver="quasi", init_to_mode=True)
assert pmcmc.plan(logdensity, x0, 40, kernel=pmcmc.MALA(0.3)).reason

of_gradients, gradients_at = [], metric.gradients_at

def recorded(logdensity, positions):
    of_gradients.append(positions.device)
    return gradients_at(logdensity, positions)

metric.gradients_at = recorded
pmcmc.warmup(logdensity, x0, n_steps=100)
assert set(of_gradients) == {second}, of_gradients
try:
    run({"a": x0["a"], "b": jax.device_put(x0["b"], first)})
except ValueError as error:
    assert "x0 must live on one device, got leaves on" in str(error), error
else:
    raise AssertionError
"""


def test_a_start_on_another_device_is_sampled_there():
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], check=False, env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
