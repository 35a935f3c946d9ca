"""The step size that a tuned kernel hands over to Hamiltonian samplers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

N_DRAWS = 4000
SETTINGS = {
    "mala": pmcmc.MALA,
    "random_walk": pmcmc.RandomWalkMetropolis,
    "barker": pmcmc.Barker,
}


def normal(x):
    return -0.5 * jnp.sum(x**2)


@functools.partial(jax.jit, static_argnums=(1, 2))
def acceptance_rate(kernel, dim, n_draws):
    """Of transitions from draws of a standard normal target."""

    def rate(key):
        position_key, noise_key = jax.random.split(key)
        state = kernel.init(normal, jax.random.normal(position_key, (dim,)))
        return kernel.transition(normal, state, kernel.draw_noise(noise_key, state.position))[1][0]

    return jax.vmap(rate)(jax.random.split(jax.random.key(0), n_draws)).mean()


def tuned(make, dim):
    """The kernel with the step size that has its acceptance rate, by bisection."""
    low, high = np.log([1e-3, 10.0])
    for _ in range(15):
        middle = (low + high) / 2
        kernel = make(jnp.exp(middle))
        is_too_small = acceptance_rate(kernel, dim, N_DRAWS) > kernel.target_acceptance_rate
        low, high = (middle, high) if is_too_small else (low, middle)
    return make(float(np.exp(middle)))


@pytest.mark.parametrize("dim", [2, 10, 50])
@pytest.mark.parametrize("name", SETTINGS)
def test_trajectories_of_the_step_are_accepted_as_often_as_stan_aims_at(name, dim):
    step_size = tuned(SETTINGS[name], dim).leapfrog_step_size(dim)
    hmc = pmcmc.HMC(jnp.asarray(step_size), num_integration_steps=12, jitter=0.9)
    assert 0.65 < acceptance_rate(hmc, dim, N_DRAWS) < 0.95


def test_what_is_known_is_said_and_the_rest_is_not():
    assert pmcmc.HMC(0.3, 5).leapfrog_step_size(10) == 0.3
    assert pmcmc.Langevin(0.1).leapfrog_step_size(10) is None
    cauchy = pmcmc.RandomWalkMetropolis(0.1, draw=jax.random.cauchy)
    assert cauchy.leapfrog_step_size(10) is None


def test_units_are_those_of_the_position():
    for scale in (1e-3, 10.0):
        for make, power in ((pmcmc.MALA, 2), (pmcmc.RandomWalkMetropolis, 1), (pmcmc.Barker, 1)):
            ratio = make(scale**power).leapfrog_step_size(7) / make(1.0).leapfrog_step_size(7)
            assert ratio == pytest.approx(scale)
