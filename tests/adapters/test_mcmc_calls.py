"""Calls of the drop-in `MCMC`: keys, collected warm-ups, and under transformations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

numpyro = pytest.importorskip("numpyro")

from numpyro.infer import HMC  # noqa: E402

import pmcmc  # noqa: E402
from pmcmc.adapters.numpyro import ModelKernel  # noqa: E402

from .group_means import DATA, KEY, group_means, short  # noqa: E402


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
