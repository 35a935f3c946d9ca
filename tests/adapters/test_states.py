"""States that pass between NumPyro's samplers and our kernels."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("numpyro")

import pmcmc
from pmcmc.adapters.numpyro import from_state, to_state


def fake_state(z, blocks, step_size, length=None):
    adapt_state = SimpleNamespace(step_size=step_size, inverse_mass_matrix=blocks)
    return SimpleNamespace(i=jnp.zeros(()), z=z, adapt_state=adapt_state, trajectory_length=length)


def test_blocks_of_the_mass_matrix_come_in_our_order():
    # Flat positions are a[0], a[1], b, c.
    z = {"c": jnp.zeros(()), "a": jnp.zeros(2), "b": jnp.zeros(())}
    dense = np.array([[1.0, 0.1, 0.2], [0.1, 2.0, 0.3], [0.2, 0.3, 3.0]])
    adapted = from_state(fake_state(z, {("c", "a"): dense, ("b",): np.array([4.0])}, 0.5))
    expected = [[2.0, 0.3, 0, 0.1], [0.3, 3.0, 0, 0.2], [0, 0, 4.0, 0], [0.1, 0.2, 0, 1.0]]
    np.testing.assert_array_equal(adapted.inverse_mass_matrix, expected)
    assert adapted.step_size == 0.5
    diagonal = {("b", "a"): np.array([1.0, 2.0, 3.0]), ("c",): np.array([4.0])}
    adapted = from_state(fake_state(z, diagonal, 0.5))
    np.testing.assert_array_equal(adapted.inverse_mass_matrix, [2.0, 3.0, 1.0, 4.0])


def test_step_sizes_that_ran_away_end_at_the_length_of_a_trajectory():
    blocks = {("x",): np.ones(2)}
    np.testing.assert_allclose(
        from_state(fake_state({"x": jnp.zeros(2)}, blocks, 1e3, length=1.5)).step_size, 1.5
    )
    np.testing.assert_allclose(
        from_state(fake_state({"x": jnp.zeros(2)}, blocks, 0.2, length=1.5)).step_size, 0.2
    )


def test_states_that_are_none_are_refused():
    with pytest.raises(ValueError, match="state must be an HMCState of NumPyro, got dict"):
        from_state({})
    state = fake_state({"x": jnp.zeros(2)}, {}, 0.1)
    with pytest.raises(ValueError, match="final_state must hold logdensity_grad"):
        to_state(state, pmcmc.kernels.State({"x": jnp.zeros(2)}, 0.0))
    with pytest.raises(ValueError, match="final_state must have the sites and chains of state"):
        to_state(state, pmcmc.kernels.GradientState({"x": jnp.zeros(3)}, 0.0, None))
