"""The drop-in for `numpyro.infer.MCMC`: a script with one line changed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

numpyro = pytest.importorskip("numpyro")

from numpyro.infer import HMC, NUTS, init_to_value  # noqa: E402
from numpyro.infer.util import potential_energy  # noqa: E402

import pmcmc  # noqa: E402
from pmcmc.adapters.numpyro import (  # noqa: E402
    MCMC,
    ModelKernel,
    from_model,
    from_state,
    to_state,
)

from .group_means import DATA, KEY, PRECISION, check_means, group_means  # noqa: E402


@pytest.fixture(scope="module")
def mcmc():
    sampler = HMC(group_means, trajectory_length=4)
    mcmc = MCMC(sampler, num_warmup=300, num_samples=2000, num_chains=2, progress_bar=False)
    fields = ("potential_energy", "num_steps", "accept_prob", "z.mu", "adapt_state.step_size")
    mcmc.run(jax.random.PRNGKey(0), DATA, extra_fields=fields)
    return mcmc


def test_script_with_one_line_changed(mcmc):
    samples = mcmc.get_samples(group_by_chain=True)
    assert {name: value.shape for name, value in samples.items()} == {
        "mu": (2, 2000, 3),
        "twice": (2, 2000, 3),
    }
    check_means(samples["mu"])
    flat = mcmc.get_samples()
    np.testing.assert_array_equal(flat["mu"], samples["mu"].reshape(4000, 3))
    np.testing.assert_allclose(flat["twice"], 2 * flat["mu"])


def test_trajectories_are_those_that_numpyro_would_take(mcmc):
    kernel, state = mcmc.result.info.kernel, mcmc.last_state
    step_size = np.exp(np.log(state.adapt_state.step_size).mean())
    assert kernel.num_integration_steps == np.ceil(4 / step_size)
    assert kernel.num_integration_steps > 1
    np.testing.assert_allclose(kernel.step_size * kernel.num_integration_steps, 4)
    (block,) = state.adapt_state.inverse_mass_matrix.values()
    np.testing.assert_allclose(kernel.inverse_mass_matrix, np.mean(block, axis=0))


def test_extra_fields(mcmc):
    fields = mcmc.get_extra_fields(group_by_chain=True)
    mu = mcmc.get_samples(group_by_chain=True)["mu"]
    potential = jax.vmap(lambda z: potential_energy(group_means, (DATA,), {}, {"mu": z}))(
        mu.reshape(-1, 3)
    )
    np.testing.assert_allclose(fields["potential_energy"].ravel(), potential, rtol=1e-8)
    assert (fields["num_steps"] == mcmc.result.info.kernel.num_integration_steps).all()
    np.testing.assert_array_equal(fields["z.mu"], mu)
    assert 0.5 < fields["accept_prob"].mean() < 1
    assert fields["diverging"].dtype == bool
    assert mcmc.get_extra_fields()["diverging"].shape == (4000,)
    assert "adapt_state.step_size" in fields


def test_print_summary(mcmc, capsys):
    mcmc.print_summary()
    printed = capsys.readouterr().out
    assert "mu[2]" in printed
    assert "Number of divergences: 0" in printed
    assert "twice" not in printed
    mcmc.print_summary(exclude_deterministic=False)
    assert "twice[0]" in capsys.readouterr().out


def test_arviz(mcmc):
    arviz = pytest.importorskip("arviz")
    table = arviz.summary(mcmc.to_arviz(log_likelihood=True))
    assert list(table.index) == [f"{name}[{i}]" for name in ("mu", "twice") for i in range(3)]
    if arviz.__version__ < "1":  # which takes it for NumPyro's own
        data = arviz.from_numpyro(mcmc)
        assert data.posterior["mu"].dims == ("chain", "draw", "group")
        assert "acceptance_rate" in data.sample_stats


def test_nuts_of_numpyro_goes_on_from_the_last_state(mcmc):
    state = mcmc.last_state
    mu = mcmc.get_samples(group_by_chain=True)["mu"][:, -1]
    np.testing.assert_array_equal(state.z["mu"], mu)
    for chain in range(2):
        potential, gradient = jax.value_and_grad(
            lambda z: potential_energy(group_means, (DATA,), {}, {"mu": z})
        )(mu[chain])
        np.testing.assert_allclose(state.potential_energy[chain], potential)
        np.testing.assert_allclose(state.z_grad["mu"][chain], gradient)
    arguments = dict(num_warmup=5, num_samples=1000, num_chains=2, progress_bar=False)
    nuts = numpyro.infer.MCMC(NUTS(group_means), chain_method="vectorized", **arguments)
    nuts.warmup(jax.random.key(1), DATA)  # sets up NumPyro's kernel
    nuts.post_warmup_state = state
    nuts.run(state.rng_key, DATA)
    check_means(np.asarray(nuts.get_samples(group_by_chain=True)["mu"]))
    # And back again, into our own kernel.
    adapted = from_state(nuts.last_state)
    np.testing.assert_array_equal(adapted.position["mu"], nuts.last_state.z["mu"])
    np.testing.assert_allclose(
        adapted.inverse_mass_matrix, mcmc.result.info.kernel.inverse_mass_matrix
    )
    result = pmcmc.sample(
        from_model(group_means, DATA).logdensity,
        adapted.position,
        1000,
        kernel=adapted.hmc(3, jitter=0.3),
        n_chains=2,
        rng_key=5,
    )
    check_means(result.positions["mu"])
    on = to_state(nuts.last_state, result.final_state, jax.random.key(9))
    np.testing.assert_array_equal(on.z["mu"], result.positions["mu"][:, -1])
    assert on.rng_key.shape[0] == 2
    assert (jax.random.key_data(on.rng_key) != jax.random.key_data(nuts.last_state.rng_key)).any()


def test_going_on_from_the_last_state(mcmc):
    before = mcmc.get_samples(group_by_chain=True)["mu"]
    again = MCMC(mcmc.sampler, num_warmup=0, num_samples=2000, num_chains=2, progress_bar=False)
    again.post_warmup_state = mcmc.last_state
    again.run(mcmc.last_state.rng_key, DATA, extra_fields=("~z.twice",))
    after = again.get_samples(group_by_chain=True)
    assert set(after) == {"mu"}
    check_means(after["mu"])
    assert (after["mu"][:, 0] != before[:, 0]).all()  # another noise


def test_one_chain_of_nuts_and_its_warning():
    with pytest.warns(UserWarning, match="max_tree_depth of NUTS does not carry over"):
        mcmc = MCMC(NUTS(group_means), num_warmup=200, num_samples=2000, progress_bar=False)
    mcmc.warmup(KEY, DATA)
    state = mcmc.post_warmup_state
    mcmc.run(jax.random.key(1), DATA)
    check_means(mcmc.get_samples(group_by_chain=True)["mu"])
    assert mcmc.result.info.kernel.jitter == 0.5
    assert mcmc.last_state.z["mu"].shape == (3,)
    np.testing.assert_array_equal(
        mcmc.last_state.adapt_state.step_size, state.adapt_state.step_size
    )


def test_model_kernel_is_warmed_up_and_goes_on():
    mcmc = MCMC(
        ModelKernel(group_means, "mala"),
        num_warmup=300,
        num_samples=3000,
        thinning=3,
        progress_bar=False,
    )
    mcmc.run(KEY, DATA, extra_fields=("accept_prob",))
    assert mcmc.get_samples()["mu"].shape == (1000, 3)
    assert abs(mcmc.get_extra_fields()["accept_prob"].mean() - 0.574) < 0.1
    check_means(mcmc.get_samples(group_by_chain=True)["mu"])
    mcmc.post_warmup_state = state = mcmc.last_state
    assert state.kernel.step_size == mcmc.result.info.kernel.step_size
    mcmc.run(state.rng_key, DATA)
    assert mcmc.result.info.warmup is None
    assert mcmc.result.info.kernel.step_size == state.kernel.step_size
    moved = np.abs(mcmc.get_samples()["mu"][0] - state.position["mu"])
    assert moved.max() < 3


def test_potential_functions():
    def potential(z):
        return 0.5 * jnp.sum((z["x"] - 2) ** 2) * PRECISION

    sampler = HMC(
        potential_fn=potential,
        step_size=0.1,
        num_steps=5,
        trajectory_length=None,
        adapt_step_size=False,
        adapt_mass_matrix=False,
    )
    mcmc = MCMC(sampler, num_warmup=0, num_samples=2000, progress_bar=False)
    mcmc.run(KEY, init_params={"x": jnp.zeros(2)})
    np.testing.assert_allclose(mcmc.result.info.kernel.step_size, 0.1)
    assert mcmc.result.info.kernel.num_integration_steps == 5
    draws = mcmc.get_samples(group_by_chain=True)["x"][:, 200:]
    batches = draws.reshape(20, -1, 2).mean(axis=1)
    assert (np.abs(batches.mean(0) - 2) < 4 * batches.std(0, ddof=1) / np.sqrt(20)).all()


def test_starts_are_those_given():
    sampler = HMC(group_means, step_size=1e-7, num_steps=1, trajectory_length=None)
    mcmc = MCMC(sampler, num_warmup=0, num_samples=1, progress_bar=False)
    mcmc.run(KEY, DATA, init_params={"mu": jnp.array([5.0, 6.0, 7.0])})
    np.testing.assert_allclose(mcmc.get_samples()["mu"], [[5, 6, 7]], atol=1e-4)
    start = init_to_value(values={"mu": np.array([3.0, 2.0, 1.0])})
    mcmc = MCMC(
        ModelKernel(group_means, pmcmc.MALA(1e-12), start),
        num_warmup=0,
        num_samples=1,
        progress_bar=False,
    )
    mcmc.run(KEY, DATA)
    np.testing.assert_allclose(mcmc.get_samples()["mu"], [[3, 2, 1]], atol=1e-4)


def test_postprocess_fn_makes_the_samples(mcmc):
    again = MCMC(
        mcmc.sampler,
        num_warmup=0,
        num_samples=30,
        num_chains=2,
        thinning=3,
        progress_bar=False,
        solver="sequential",
        postprocess_fn=lambda z: {"mu": -z["mu"], "largest": z["mu"].max()},
    )
    again.post_warmup_state = mcmc.last_state
    again.run(mcmc.last_state.rng_key, DATA)
    again.transfer_states_to_host()
    samples, sites = again.get_samples(), again.result.positions
    assert samples["largest"].shape == (20,)
    np.testing.assert_array_equal(samples["mu"], -sites["mu"].reshape(20, 3))
    np.testing.assert_allclose(samples["largest"], sites["mu"].reshape(20, 3).max(axis=1))
