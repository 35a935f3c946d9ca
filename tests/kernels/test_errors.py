"""Bad arguments of kernels are named at the call, with what to write."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc

NOT_DEFINITE = np.array([[1.0, 2.0], [2.0, 1.0]])
NOT_SYMMETRIC = np.array([[1.0, 0.3], [0.1, 1.0]])
WITH_METRIC = {
    "Langevin": lambda matrix: pmcmc.Langevin(0.1, matrix),
    "MALA": lambda matrix: pmcmc.MALA(0.1, matrix),
    "random walk": lambda matrix: pmcmc.RandomWalkMetropolis(0.1, matrix),
    "HMC": lambda matrix: pmcmc.HMC(0.1, 3, matrix),
    "Barker": lambda matrix: pmcmc.Barker(0.1, matrix),
}


@pytest.mark.parametrize("make", WITH_METRIC.values(), ids=WITH_METRIC)
@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (2.0, "must be None, a vector or a matrix, got 2.0: write"),
        ([1.0, 2.0], "must be None, a vector or a matrix, got"),
        (np.ones((2, 2, 2)), "must be None, a vector or a matrix"),
        (np.array([1.0, 0.0]), r"must hold positive finite numbers, got shape \(2,\)"),
        (np.array([1.0, np.nan]), "must hold positive finite numbers"),
        (np.array([1, 2]), "must hold positive finite numbers.*int64"),
        (NOT_DEFINITE, r"must hold a symmetric positive definite matrix, got shape \(2, 2\)"),
        (NOT_SYMMETRIC, "must hold a symmetric positive definite matrix"),
        (np.ones((2, 3)), r"must hold a symmetric positive definite matrix, got shape \(2, 3\)"),
    ],
)
def test_a_metric_is_positive_definite(make, matrix, message):
    with pytest.raises(ValueError, match=f"(?s)inverse_mass_matrix {message}"):
        make(matrix)


@pytest.mark.parametrize("jitter", [np.float32(0.2), np.array(0.2), jnp.float32(0.2)])
def test_a_jitter_of_any_kind_of_number(jitter):
    run = pmcmc.sample(normal, np.zeros(2), 5, kernel=pmcmc.HMC(0.1, 3, jitter=jitter))
    assert run.info.kernel.max_integration_steps == 4


@pytest.mark.parametrize("share", [1.5, -0.1, np.nan, "half", np.array([0.1, 0.2])])
def test_a_share_of_random_walks_is_a_share(share):
    with pytest.raises(ValueError, match="random_walk_share must be"):
        pmcmc.SurrogateHMC(normal, 0.1, random_walk_share=share)


def test_barker_has_no_full_metric():
    with pytest.raises(ValueError, match=r"(?s)must be None or a vector.*write its diagonal"):
        pmcmc.Barker(0.1, np.eye(2))


@pytest.mark.parametrize("make", WITH_METRIC.values(), ids=WITH_METRIC)
@pytest.mark.parametrize("solver", ["sequential", "quasi"])
def test_a_metric_fits_the_positions(make, solver):
    with pytest.raises(ValueError, match=r"(?s)shape \(2,\) or \(2, 2\).*2 numbers, got \(3,\)"):
        pmcmc.sample(normal, np.zeros(2), 5, kernel=make(np.ones(3)), solver=solver)


def normal(x):
    return -0.5 * jnp.sum(x**2)


def draw(key, x):
    return jax.random.normal(key, x.shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pmcmc.Langevin(-0.1), "step_size must be"),
        (lambda: pmcmc.HMC(0.0, 3), "step_size must be"),
        (lambda: pmcmc.HMC(0.1, 0), "num_integration_steps must be a positive integer, got 0"),
        (lambda: pmcmc.HMC(0.1, 2.5), "num_integration_steps must be a positive integer, got 2.5"),
        (lambda: pmcmc.HMC(0.1, 3, jitter=1.5), "jitter must be.*got 1.5: write jitter=0.2"),
        (lambda: pmcmc.HMC(0.1, 3, divergence_threshold=-1.0), "divergence_threshold must be"),
        (lambda: pmcmc.Barker("0.1"), "step_size must be"),
        (lambda: pmcmc.RandomWalkMetropolis(np.nan), "step_size must be"),
        (lambda: pmcmc.RandomWalkMetropolis(0.1, draw="normal"), "draw must be a function"),
        (lambda: pmcmc.MetropolisHastings(1.0, draw), "proposal must be a function.*write"),
        (lambda: pmcmc.MetropolisHastings(lambda x, u: x, None), "noise must be a function"),
        (lambda: pmcmc.MetropolisHastings(lambda x, u: x, draw, 0.0), "log_ratio must be a func"),
        (lambda: pmcmc.CustomKernel(None, draw), "step must be a function.*write"),
        (lambda: pmcmc.CustomKernel(lambda x, u: x, 3), "noise must be a function"),
    ],
)
def test_hyperparameters_are_named(make, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        make()


@pytest.mark.parametrize("solver", ["sequential", "quasi"])
@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (pmcmc.CustomKernel(lambda x, u: x[:1], draw), "must return a position of the structure"),
        (pmcmc.CustomKernel(lambda x, u: {"a": x}, draw), "must return a position of the struct"),
        (pmcmc.CustomKernel(lambda x, u: x if x[0] > 0 else u, draw), "could not be traced by JAX"),
        (pmcmc.CustomKernel(lambda x: x, draw), "could not be traced by JAX.*TypeError"),
        (pmcmc.CustomKernel(lambda x, u: x, lambda key: 0.0), "could not be traced by JAX"),
        (pmcmc.MetropolisHastings(lambda x, u: x.sum(), draw), "must return a position"),
        (
            pmcmc.MetropolisHastings(lambda x, u: x + u, draw, lambda x, p: p - x),
            r"must return a scalar, got shape \(2,\)",
        ),
    ],
)
def test_functions_are_named_when_they_are_first_called(kernel, message, solver):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        pmcmc.sample(normal, np.zeros(2), 5, kernel=kernel, solver=solver)


def test_a_kernel_with_a_log_density_says_that_it_needs_one():
    with pytest.raises(ValueError, match="logdensity must be a function of the position, got None"):
        pmcmc.sample(None, np.zeros(2), 5, kernel=pmcmc.MALA(0.1))


@pytest.mark.parametrize(
    "step_size", [0.0, -1.0, np.nan, np.inf, "0.1", None, True, np.zeros(2), [0.1], 1j]
)
def test_step_sizes_must_be_positive_numbers(step_size):
    with pytest.raises(ValueError, match=r"step_size must be a positive .*write MALA\(step_size="):
        pmcmc.MALA(step_size=step_size)
