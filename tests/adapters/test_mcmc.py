"""The drop-in for `numpyro.infer.MCMC`, and states that pass between it and NumPyro's own."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

numpyro = pytest.importorskip("numpyro")

import numpyro.distributions as dist  # noqa: E402
from numpyro.infer import (  # noqa: E402
    AIES,
    ESS,
    HMC,
    HMCECS,
    NUTS,
    SA,
    BarkerMH,
    DiscreteHMCGibbs,
    HMCGibbs,
    MixedHMC,
    init_to_value,
)
from numpyro.infer.util import potential_energy  # noqa: E402

import pmcmc  # noqa: E402
from pmcmc.adapters.numpyro import (  # noqa: E402
    MCMC,
    ModelKernel,
    from_model,
    from_state,
    to_state,
)

DATA = np.random.default_rng(0).normal(1.0, 1.0, size=(3, 8))
KEY = jax.random.key(0)
# The posterior of each group's mean is normal.
PRECISION = 1 + 8
MEAN = DATA.sum(axis=1) / PRECISION


def group_means(y):
    with numpyro.plate("group", 3):
        mu = numpyro.sample("mu", dist.Normal(0, 1))
        numpyro.deterministic("twice", 2 * mu)
    numpyro.sample("y", dist.Normal(mu[:, None], 1).to_event(2), obs=y)


def check_means(samples):
    """Within 4 standard errors, by the means of 20 batches of each chain."""
    batches = samples.reshape(len(samples) * 20, -1, 3).mean(axis=1)
    error = batches.std(axis=0, ddof=1) / np.sqrt(len(batches))
    assert (np.abs(batches.mean(axis=0) - MEAN) < 4 * error).all()
    spread = samples.std(axis=(0, 1)) * np.sqrt(PRECISION)
    np.testing.assert_allclose(spread, 1, atol=0.2)


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


# --- states


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


# --- what does not carry over


class Changed(HMC):
    """Steps that are not those of HMC."""


OTHERS = {
    "SA, whose proposals come from all that it has seen.*'random_walk'": SA,
    "BarkerMH, whose warm-up .*: write ModelKernel.model, 'barker'": BarkerMH,
    "ESS, whose chains move by each other.*: write numpyro.infer.HMC": ESS,
    "AIES, whose chains move by each other": AIES,
    "HMCGibbs, which draws sites in turn": lambda model: HMCGibbs(HMC(model), lambda *a: {}, ["z"]),
    "DiscreteHMCGibbs, which moves discrete.*by funsor": lambda m: DiscreteHMCGibbs(HMC(m)),
    "MixedHMC, which moves discrete sites": lambda model: MixedHMC(HMC(model)),
    "HMCECS, which sees another part of the data.*subsample_size": lambda m: HMCECS(HMC(m)),
    "Changed, a subclass of HMC, whose own steps would not be taken": Changed,
    "function, whose steps we do not know: write numpyro.infer.HMC": lambda model: model,
}


@pytest.mark.parametrize("message", OTHERS)
def test_samplers_without_a_counterpart_are_refused(message):
    with pytest.raises(
        ValueError, match=r"numpyro.infer.HMC or NUTS, or ModelKernel.* got " + message
    ):
        MCMC(OTHERS[message](group_means), num_warmup=1, num_samples=1)


def test_settings_without_a_counterpart_are_refused():
    with pytest.raises(ValueError, match="kinetic_fn of HMC must be the Euclidean one"):
        MCMC(HMC(group_means, kinetic_fn=lambda m, r: 0.0), num_warmup=1, num_samples=1)
    with pytest.warns(UserWarning, match="forward_mode_differentiation=True is used in NumPyro's"):
        MCMC(HMC(group_means, forward_mode_differentiation=True), num_warmup=1, num_samples=1)
    with pytest.raises(ValueError, match="num_samples must be a positive integer, got 0"):
        MCMC(HMC(group_means), num_warmup=1, num_samples=0)
    with pytest.raises(ValueError, match="thinning must be at most num_samples=4, got 5"):
        MCMC(HMC(group_means), num_warmup=1, num_samples=4, thinning=5)


def test_fields_that_are_not_known_are_refused():
    mcmc = MCMC(HMC(group_means), num_warmup=1, num_samples=1)
    with pytest.raises(RuntimeError, match=r"there are no draws yet: write mcmc.run"):
        mcmc.get_samples()
    with pytest.raises(ValueError, match=r"extra_fields must be among diverging, .* got 'mass'"):
        mcmc.run(KEY, DATA, extra_fields=("mass",))


# --- what NumPyro's takes too


def short(sampler, num_samples=12, **settings):
    """A drop-in of few steps."""
    settings = dict(num_warmup=10, progress_bar=False, solver="sequential") | settings
    return MCMC(sampler, num_samples=num_samples, **settings)


@pytest.fixture(scope="module")
def two_chains():
    return short(ModelKernel(group_means, pmcmc.MALA(0.05)), num_warmup=0, num_chains=2)


def drawn(mcmc, rng_key):
    mcmc.run(rng_key, DATA)
    return mcmc.get_samples(group_by_chain=True)["mu"]


def test_every_one_of_several_keys_counts(two_chains):
    a, b, c = jax.random.split(KEY, 3)
    first = drawn(two_chains, jnp.stack([a, b]))
    np.testing.assert_array_equal(first, drawn(two_chains, jnp.stack([a, b])))
    raw = jax.random.key_data(jnp.stack([a, b]))
    np.testing.assert_array_equal(first, drawn(two_chains, raw))
    for other in ([a, c], [b, a], [c, b]):
        assert (drawn(two_chains, jnp.stack(other)) != first).any(axis=(1, 2)).all()
    for keys in (jax.random.split(KEY, 3), jax.random.split(KEY, (2, 2)), raw[:1]):
        with pytest.raises(ValueError, match=r"rng_key must be one key, or num_chains=2 of them"):
            two_chains.run(keys, DATA)


def test_integers_are_keys(two_chains):
    expected = drawn(two_chains, jax.random.key(5))
    for seed in (5, np.int64(5), np.array(5)):
        np.testing.assert_array_equal(drawn(two_chains, seed), expected)


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


def test_warm_ups_are_collected_as_numpyro_collects_them(capsys):
    settings = dict(num_warmup=10, num_samples=12, num_chains=2, progress_bar=False)
    ours = short(HMC(group_means, trajectory_length=1.0), num_chains=2)
    arguments = dict(collect_warmup=True, extra_fields=("num_steps",))
    # A second time with other data of another length, and from the beginning.
    for seed, data in ((0, DATA), (1, DATA[:, :5])):
        sampler = HMC(group_means, trajectory_length=1.0)
        theirs = numpyro.infer.MCMC(sampler, chain_method="vectorized", **settings)
        theirs.warmup(jax.random.key(seed), data, **arguments)
        ours.warmup(jax.random.key(seed), data, **arguments)
        expected, got = (m.get_samples(group_by_chain=True)["mu"] for m in (theirs, ours))
        assert got.shape == (2, 10, 3)
        np.testing.assert_array_equal(got, expected)
        fields = ours.get_extra_fields()
        np.testing.assert_array_equal(fields["num_steps"], theirs.get_extra_fields()["num_steps"])
        ours.transfer_states_to_host()
        ours.print_summary()
        assert "mu[2]" in capsys.readouterr().out
        with pytest.raises(RuntimeError, match="there are no draws yet"):
            ours.result  # noqa: B018
    ours.run(KEY, DATA[:, :5])
    assert ours.get_samples(group_by_chain=True)["mu"].shape == (2, 12, 3)


def test_warm_ups_of_our_kernels_begin_anew():
    mcmc = short(ModelKernel(group_means, "mala"), num_warmup=100)
    found = []
    for _ in range(2):
        mcmc.warmup(3, DATA)
        found.append(mcmc.post_warmup_state)
        with pytest.raises(RuntimeError, match="there are no draws yet"):
            mcmc.get_samples()
    np.testing.assert_array_equal(found[0].position["mu"], found[1].position["mu"])
    assert found[0].kernel.step_size == found[1].kernel.step_size
    mcmc.run(4, DATA)
    assert mcmc.result.info.warmup is None
    with pytest.raises(ValueError, match="collect_warmup must be False with a ModelKernel"):
        mcmc.warmup(3, DATA, collect_warmup=True)


@pytest.fixture(scope="module")
def transformed():
    return short(HMC(group_means), num_chains=2)


@pytest.mark.parametrize(
    ("transform", "what"),
    [*((t, w) for t in (jax.jit, jax.vmap) for w in ("key", "data", "start")), (jax.jit, "")],
)
def test_under_transformations_it_says_what_to_write(transformed, transform, what):
    def run(x):
        start = {"mu": jnp.broadcast_to(x, (2, 3))} if what == "start" else None
        data = DATA + x if what == "data" else DATA
        transformed.run(jax.random.key(x) if what == "key" else 0, data, init_params=start)
        return x

    arguments = jnp.arange(3) if transform is jax.vmap else 1
    with pytest.raises(ValueError, match=r"got a tracer: .* num_chains=4 .*numpyro\.infer\.MCMC"):
        transform(run)(arguments)
    with pytest.raises(ValueError, match="got a tracer"):
        transform(lambda x: transformed.warmup(0, DATA + x))(arguments)
