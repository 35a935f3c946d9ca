"""Every target: its log density against the textbook's, its reference, and what it ships with."""

import concurrent.futures
import copy
import functools
import inspect
import multiprocessing
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

from . import textbook, textbook_of_series

ORACLES = textbook.ORACLES | textbook_of_series.ORACLES
TARGETS = sorted(name for name, value in vars(pmcmc.targets).items() if inspect.isroutine(value))


def test_every_target_has_an_oracle():
    assert sorted(ORACLES) == TARGETS


# Solutions by fixed steps are off by so much here; everything else is exact.
TOLERANCES = {"lotka_volterra": 1e-2, "one_compartment": 2e-4, "seir_age_groups": 5e-3, "sir": 1e-3}
MODELS_OF_SERIES = sorted([*textbook_of_series.ORACLES, "lotka_volterra"])


@functools.cache
def compiled(name):
    return jax.jit(jax.value_and_grad(getattr(pmcmc.targets, name)().logdensity))


@pytest.mark.parametrize("name", TARGETS)
def test_density_is_the_textbook_one_up_to_a_constant(name):
    target = getattr(pmcmc.targets, name)()
    rng = np.random.default_rng(4)
    points = target.initial_position + 0.2 * rng.normal(size=(4, target.dim))
    ours = np.array([compiled(name)(jnp.asarray(x))[0] for x in points])
    textbook = np.array([ORACLES[name](x) for x in points])
    tolerance = TOLERANCES.get(name, 1e-8)
    np.testing.assert_allclose(np.diff(ours), np.diff(textbook), rtol=0, atol=tolerance)
    assert np.ptp(textbook) > 0.1


@pytest.mark.parametrize("name", MODELS_OF_SERIES)
def test_gradients_are_those_of_differences(name):
    target = getattr(pmcmc.targets, name)()
    x = jnp.asarray(target.initial_position) + 0.1
    differences = [
        (compiled(name)(x + h)[0] - compiled(name)(x - h)[0]) / 2e-5
        for h in 1e-5 * np.eye(target.dim)
    ]
    reverse = compiled(name)(x)[1]
    scale = np.abs(reverse).max()
    np.testing.assert_allclose(reverse, np.array(differences), rtol=0, atol=1e-6 * scale)
    # Forward, and forward over reverse: how Newton sweeps differentiate.
    jax.eval_shape(jax.jacfwd(target.logdensity), x)
    jax.eval_shape(jax.jacfwd(jax.grad(target.logdensity)), x)


@pytest.mark.parametrize("name", ["gaussian_process", "local_linear_trend", "sir"])
def test_float32_loses_little(name):
    target = getattr(pmcmc.targets, name)()
    offsets = 0.02 * np.random.default_rng(5).normal(size=(2, target.dim))
    x = target.initial_position + offsets
    with jax.enable_x64(False):
        values = [compiled(name)(jnp.asarray(row, jnp.float32))[0] for row in x]
    assert values[0].dtype == jnp.float32
    exact = [compiled(name)(jnp.asarray(row))[0] for row in x]
    assert float(values[1] - values[0]) == pytest.approx(float(exact[1] - exact[0]), abs=5e-3)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_mixes_no_dtypes(name):
    target = getattr(pmcmc.targets, name)()
    functions = [jax.value_and_grad(target.logdensity), target.constrain]
    with jax.numpy_dtype_promotion("strict"):
        for dtype in map(np.dtype, (np.float32, np.float64)):
            position = jax.ShapeDtypeStruct((target.dim,), dtype)
            for function in functions:
                leaves = jax.tree.leaves(jax.eval_shape(function, position))
                assert {leaf.dtype for leaf in leaves} == {dtype}
            if target.draw is not None:
                jax.eval_shape(target.draw, jax.random.key(0))
            if target.gibbs is not None:
                noise = jax.eval_shape(target.gibbs.noise, jax.random.key(0), position)
                assert jax.eval_shape(target.gibbs.step, position, noise).dtype == dtype


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_has_all_a_user_needs(name):
    target = getattr(pmcmc.targets, name)()
    assert getattr(pmcmc.targets, name)() is target
    start = jnp.asarray(target.initial_position)
    assert start.shape == (target.dim,)
    value, gradient = compiled(name)(start)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert target.citation
    assert (target.draw is not None) == (name in WITH_DRAWS)
    reference = target.reference
    assert not reference.origin.startswith("ORIGIN")
    layout = jax.tree.map(jnp.shape, jax.eval_shape(target.constrain, start))
    for field in (reference.mean, reference.sd, reference.mcse_mean):
        assert jax.tree.map(jnp.shape, field) == layout
    for sd, mcse in zip(*map(jax.tree.leaves, (reference.sd, reference.mcse_mean)), strict=True):
        assert np.all(mcse < 0.05 * sd)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_survives_pickling_and_copying(name):
    target = getattr(pmcmc.targets, name)()
    for again in (pickle.loads(pickle.dumps(target)), copy.deepcopy(target)):
        for field in ("logdensity", "constrain", "draw", "gibbs"):
            assert getattr(again, field) == getattr(target, field)
        assert again.logdensity is target.logdensity
        np.testing.assert_array_equal(again.initial_position, target.initial_position)
    assert len(pickle.dumps(target.logdensity)) < 300  # no data, just where to find it
    assert repr(target.logdensity) == f"{name}().logdensity"


def test_arguments_of_a_target_are_pickled_with_it():
    for target in (pmcmc.targets.funnel(4), pmcmc.targets.correlated_gaussian(dim=3)):
        assert pickle.loads(pickle.dumps(target.logdensity)) is target.logdensity
        assert pickle.loads(pickle.dumps(target)).dim == target.dim


def test_a_process_pool_evaluates_the_log_densities():
    names = ("seir_age_groups", "garch11", "german_credit")  # arguments, data, both
    targets = [getattr(pmcmc.targets, name)() for name in names]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        for target in targets:
            x = target.initial_position.astype(np.float32)
            there = pool.submit(target.logdensity, x).result(timeout=120)
            assert float(there) == pytest.approx(float(target.logdensity(x)), rel=1e-5)


WITH_DRAWS = ["banana", "correlated_gaussian", "funnel", "gaussian_mixture", "two_well"]


@pytest.mark.parametrize("name", WITH_DRAWS)
def test_exact_draws_have_the_moments_and_the_density(name):
    target = getattr(pmcmc.targets, name)()
    n = 40_000
    draws = jax.vmap(target.draw)(jax.random.split(jax.random.key(1), n))
    values = jax.vmap(target.constrain)(draws)
    for x, mean, sd in zip(
        *map(jax.tree.leaves, (values, target.reference.mean, target.reference.sd)), strict=True
    ):
        assert np.all(np.abs(x.mean(axis=0) - mean) < 5 * sd / np.sqrt(n))
        np.testing.assert_allclose(x.std(axis=0), sd, rtol=0.05)
    # Stein's identity, E[x . grad log p] = -dim, holds for the density of the draws only.
    stein = jax.vmap(lambda x: jnp.vdot(x, jax.grad(target.logdensity)(x)))(draws)
    assert abs(stein.mean() + target.dim) < 5 * stein.std() / np.sqrt(n)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pmcmc.targets.correlated_gaussian(dim=1), "dim must be at least 2, got 1"),
        (lambda: pmcmc.targets.correlated_gaussian(correlation=1.0), "between -1 and 1, got 1.0"),
        (lambda: pmcmc.targets.funnel(dim=1), "dim must be at least 2, got 1"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
