"""Runs on disk: the chain is that of a run without a store, and others can read it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from tests.store.runs import START, assert_same, normal, sampled


def test_the_chain_is_that_of_a_run_without_a_store(path, expected):
    result = sampled(store=path)
    assert_same(result, expected)
    assert str(result.info.kernel) == str(expected.info.kernel)


def test_a_finished_run_is_read_and_computes_nothing(path, expected, monkeypatch):
    sampled(store=path)
    monkeypatch.setattr(
        "pmcmc._chain.runner.Runner.advance", lambda *_: pytest.fail("a step was taken")
    )
    result = pmcmc.resume(path, normal)
    assert_same(result, expected)
    assert result.info.warmup.n_steps.sum() == 60


def test_more_steps_are_those_of_a_longer_run(path):
    sampled(store=path)
    assert_same(pmcmc.resume(path, normal, n_steps=330), sampled(330))
    assert_same(pmcmc.resume(path, normal), sampled(330))  # it remembers


def test_thinned_draws_across_files(path):
    expected = sampled(205, thin=7)
    assert expected.positions["a"].shape == (2, 29, 2)
    assert_same(sampled(205, thin=7, store=path), expected)
    assert_same(pmcmc.resume(path, normal, n_steps=400), sampled(400, thin=7))


def test_a_function_of_the_position_is_all_that_is_kept(path, expected):
    def total(x):
        return {"total": jnp.sum(x["a"]) + x["b"]}

    result = sampled(keep=total, thin=3, store=path)
    a, b = expected.positions["a"][:, 2::3], expected.positions["b"][:, 2::3]
    np.testing.assert_allclose(result.positions["total"], a.sum(-1) + b, rtol=1e-13)
    assert result.final_state.position["a"].shape == (2, 2)
    again = pmcmc.resume(path, normal, keep=total)
    np.testing.assert_array_equal(again.positions["total"], result.positions["total"])
    with pytest.raises(ValueError, match="keep must be passed again"):
        pmcmc.resume(path, normal)


def test_a_function_of_the_position_is_compiled_once():
    traced = []

    def count(x):
        traced.append(x)
        return x["a"].sum()

    so_far = []
    for _ in range(2):
        sampled(30, keep=count)
        so_far.append(len(traced))
    assert so_far[0] == so_far[1]


def test_moments_across_an_interruption(path):
    expected = sampled(400)
    sampled(150, keep="moments", store=path)
    result = pmcmc.resume(path, normal, n_steps=400)
    draws = expected.positions["a"]
    assert result.positions["a"].shape == (2, 0, 2)
    np.testing.assert_allclose(result.moments.mean["a"], draws.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(result.moments.variance["a"], draws.var(axis=1, ddof=1), rtol=1e-12)
    assert "mean acceptance 0." in repr(result)


def test_xarray_reads_it(path, expected):
    xarray = pytest.importorskip("xarray")
    sampled(store=path)
    with xarray.open_datatree(path, engine="zarr") as tree:
        a = tree["posterior"]["a"]
        assert a.dims == ("chain", "draw", "a_dim_0")
        np.testing.assert_array_equal(a, expected.positions["a"])
        assert list(a.draw.values[:3]) == [0, 1, 2]
        np.testing.assert_array_equal(tree["sample_stats"]["lp"], expected.stats["logdensity"])
        assert tree["posterior"].attrs["inference_library"] == "pmcmc"


def test_a_kernel_with_functions_is_given_again(path):
    def proposal(position, noise):
        return jax.tree.map(lambda x, z: x + 0.5 * z, position, noise)

    kernel = pmcmc.MetropolisHastings(
        proposal, lambda key, x: jax.tree.map(lambda y: jax.random.normal(key, y.shape), x)
    )
    expected = sampled(kernel=kernel, n_warmup=0)
    sampled(100, kernel=kernel, n_warmup=0, store=path)
    with pytest.raises(ValueError, match="kernel must be passed again"):
        pmcmc.resume(path, normal)
    assert_same(pmcmc.resume(path, normal, kernel=kernel, n_steps=200), expected)


def test_one_chain_of_a_bare_array(path):
    def bare(x):
        return -0.5 * jnp.sum(x**2)

    kernel = pmcmc.RandomWalkMetropolis(1.0)
    run = dict(kernel=kernel, solver="sequential", rng_key=jax.random.key(5))
    expected = pmcmc.sample(bare, np.zeros(2), 50, **run)
    pmcmc.sample(bare, np.zeros(2), 30, **run, store=path)
    result = pmcmc.resume(path, bare, n_steps=50)
    np.testing.assert_array_equal(result.positions, expected.positions)
    assert result.final_state.position.shape == (2,)
    assert START["a"].shape == (2, 2)


def test_moments_have_no_table():
    result = sampled(50, keep="moments")
    with pytest.raises(ValueError, match="keep='moments' kept no draws"):
        result.summary()
