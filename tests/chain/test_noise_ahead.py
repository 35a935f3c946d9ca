"""Noise that is drawn ahead is the noise of those steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._arguments import as_task
from pmcmc._chain.noise_ahead import NoiseAhead

KERNEL = pmcmc.RandomWalkMetropolis(0.5)


def normal(x):
    return -0.5 * jnp.sum(x**2)


@pytest.fixture
def used(monkeypatch):
    """Whether what was asked for had been drawn ahead, each time."""
    seen, drawn_now = [], NoiseAhead.noise

    def noise(self, *call):
        ahead = self._drawn
        found = drawn_now(self, *call)
        seen.append(ahead is not None and found is ahead[1])
        return found

    monkeypatch.setattr(NoiseAhead, "noise", noise)
    return seen


def test_noise_ahead_is_that_of_the_steps_and_of_nothing_else():
    task = as_task(normal, np.zeros(3), KERNEL, 1, 0)
    kernel, positions, key = task.kernel, task.problem.positions, task.rng_key
    expected = NoiseAhead().noise(kernel, positions, key, 40, 20, 32)
    ahead = NoiseAhead()
    other_kernel, other_key = pmcmc.RandomWalkMetropolis(0.5), jax.random.key(1)
    for call in (
        (kernel, positions, key, 41, 20, 32),
        (kernel, positions, key, 40, 19, 32),
        (kernel, positions, other_key, 40, 20, 32),
        (other_kernel, positions, key, 40, 20, 32),
    ):
        ahead.draw(kernel, positions, key, 40, 20, 32)
        drawn = ahead._drawn[1]
        assert ahead.noise(*call) is not drawn
        assert ahead._drawn is None
    ahead.draw(kernel, positions, key, 40, 20, 32)
    jax.tree.map(
        np.testing.assert_array_equal, ahead.noise(kernel, positions, key, 40, 20, 32), expected
    )


@pytest.mark.parametrize("solver", ["sequential", "auto"])
def test_one_chain_has_its_noise_drawn_ahead_and_is_the_same_chain(solver, used, monkeypatch):
    n_steps = 3 * 8192 + 10
    found = pmcmc.sample(normal, np.zeros(2), n_steps, kernel=KERNEL, solver=solver)
    assert sum(used) >= 2  # the last stretches; the first ones are measured
    assert used[-1]
    with monkeypatch.context() as patch:
        patch.setattr(NoiseAhead, "draw", lambda *_: None)
        used.clear()
        alone = pmcmc.sample(normal, np.zeros(2), n_steps, kernel=KERNEL, solver="sequential")
    assert not any(used)
    np.testing.assert_array_equal(found.positions, alone.positions)
