"""Other samplers go on from a burn-in without a warm-up of their own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._adaptation.stationarity import rhat

blackjax = pytest.importorskip("blackjax")
numpyro = pytest.importorskip("numpyro")

SCALES = np.array([1e-2, 1.0, 1e2])
CORRELATED = np.linalg.cholesky([[1.0, 0.9, 0.0], [0.9, 1.0, 0.3], [0.0, 0.3, 1.0]])
PRECISION = np.linalg.inv(CORRELATED @ CORRELATED.T)
N_CHAINS, N_DRAWS = 4, 500


def logdensity(x):
    z = jnp.concatenate([x["b"], x["a"][None]]) / jnp.asarray(SCALES)
    return -0.5 * z @ jnp.asarray(PRECISION) @ z


@pytest.fixture(scope="module")
def ready():
    rng = np.random.default_rng(0)
    x0 = {"a": 20 * SCALES[2] * rng.normal(size=4), "b": 20 * SCALES[:2] * rng.normal(size=(4, 2))}
    return pmcmc.burn_in(logdensity, x0, n_steps=400, n_chains=N_CHAINS)


def check(draws, acceptance_rate):
    z = np.concatenate([draws["b"], draws["a"][..., None]], axis=-1) / SCALES
    assert rhat(z).max() < 1.02
    assert np.all(np.abs(z.mean(axis=(0, 1))) < 0.2)  # 4 errors of 400 independent draws
    assert np.all(np.abs(z.std(axis=(0, 1)) - 1) < 0.15)
    assert 0.6 < acceptance_rate < 0.99


def test_nuts_of_blackjax_goes_on(ready):
    from pmcmc.adapters.blackjax import from_burn_in

    algorithm, states = from_burn_in(ready, blackjax.nuts, logdensity, max_num_doublings=6)

    def chain(key, state):
        def body(state, key):
            state, info = algorithm.step(key, state)
            return state, (state.position, info.acceptance_rate)

        return jax.lax.scan(body, state, jax.random.split(key, N_DRAWS))[1]

    draws, rates = jax.jit(jax.vmap(chain))(jax.random.split(jax.random.key(1), N_CHAINS), states)
    check(draws, rates.mean())


def test_nuts_of_numpyro_goes_on(ready):
    from pmcmc.adapters.numpyro import from_burn_in

    kernel, start = from_burn_in(ready, potential_fn=lambda x: -logdensity(x))
    mcmc = numpyro.infer.MCMC(
        kernel,
        num_warmup=0,
        num_samples=N_DRAWS,
        num_chains=N_CHAINS,
        chain_method="vectorized",
        progress_bar=False,
    )
    mcmc.run(jax.random.key(1), init_params=start, extra_fields=("accept_prob",))
    rates = mcmc.get_extra_fields()["accept_prob"]
    check(mcmc.get_samples(group_by_chain=True), rates.mean())


def test_a_step_size_that_is_not_known_is_asked_for(ready):
    from pmcmc.adapters import blackjax as of_blackjax
    from pmcmc.adapters import numpyro as of_numpyro

    kernel = pmcmc.RandomWalkMetropolis(0.1, draw=jax.random.laplace)
    unknown = ready._replace(kernel=kernel)
    for hand_over in (
        lambda **settings: of_blackjax.from_burn_in(unknown, blackjax.nuts, logdensity, **settings),
        lambda **settings: of_numpyro.from_burn_in(
            unknown, potential_fn=lambda x: -logdensity(x), **settings
        ),
    ):
        with pytest.raises(
            ValueError, match=r"RandomWalkMetropolis has no step size.*step_size=0.1"
        ):
            hand_over()
        hand_over(step_size=0.1)


def test_what_has_not_arrived_is_said_to_have_not(ready):
    from pmcmc.adapters import blackjax as of_blackjax
    from pmcmc.adapters import numpyro as of_numpyro

    on_its_way = ready._replace(is_stationary=False, rhat=np.array([3.0, 1.7]))
    for hand_over in (
        lambda: of_blackjax.from_burn_in(on_its_way, blackjax.nuts, logdensity),
        lambda: of_numpyro.from_burn_in(on_its_way, potential_fn=lambda x: -logdensity(x)),
    ):
        with pytest.warns(UserWarning, match=r"not stationary yet \(largest R-hat 1\.7\)"):
            hand_over()


def test_what_is_no_burn_in_is_refused(ready):
    from pmcmc.adapters import blackjax as of_blackjax
    from pmcmc.adapters import numpyro as of_numpyro

    with pytest.raises(ValueError, match="burn_in must be the result of a burn-in, got dict"):
        of_blackjax.from_burn_in(ready.position, blackjax.nuts, logdensity)
    with pytest.raises(ValueError, match="burn_in must be the result of a burn-in, got dict"):
        of_numpyro.from_burn_in(ready.position)
