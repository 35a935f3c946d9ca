"""What the loop would survive, `"auto"`, `plan` and warm-ups survive too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._planning import choice, pilot, runner
from pmcmc._planning.choice import decided

from ..helpers.densities import logistic
from .test_auto import tried

WINDOW = 16
X0 = np.array([0.3, -0.2])
WALK = pmcmc.RandomWalkMetropolis(2.0)


def both(logdensity, kernel, n_steps=400):
    """The chain by `"auto"` and by the loop, found to be equal."""
    auto, loop = (
        pmcmc.sample(logdensity, X0, n_steps, kernel=kernel, solver=solver)
        for solver in ("auto", "sequential")
    )
    np.testing.assert_array_equal(auto.stats["is_accepted"], loop.stats["is_accepted"])
    np.testing.assert_allclose(auto.positions, loop.positions, rtol=0, atol=1e-9)
    assert auto.info.converged.all()
    return auto.info.plan


# --- densities that misbehave where the chain never is, or when many points come at once


def normal(x):
    return -0.5 * jnp.sum(x**2)


def by_host(function):
    """A log density that is computed by NumPy for arrays `(*batch, D)`."""

    def logdensity(x):
        value = jax.ShapeDtypeStruct((), x.dtype)
        return jax.pure_callback(function, value, x, vmap_method="expand_dims")

    return logdensity


def _at_a_share(x, limit=40.0):
    """Half of the points that are further out than the chain ever is."""
    return (np.abs(np.asarray(x)) > limit).any(axis=-1) & (np.sin(7 * np.asarray(x)[..., 0]) > 0)


def _normal_numpy(x):
    return -0.5 * np.sum(np.square(x), axis=-1)


def _refuses_nonsense(x):
    if _at_a_share(x).any():
        raise ValueError("nonsense")
    return _normal_numpy(x)


def _refuses_batches(x):
    if np.prod(np.shape(x)[:-1]) > 1:
        raise ValueError("one at a time, please")
    return _normal_numpy(x)


def _nan_in_batches(x):
    value = _normal_numpy(x)
    return np.full_like(value, np.nan) if value.size > 1 else value


def takes_long_outside(x):
    is_outside = jnp.any(jnp.abs(x) > 40.0) & (jnp.sin(7 * x[0]) > 0)
    n = jnp.where(is_outside, 100_000, 1)
    return normal(x) + 0.0 * jax.lax.while_loop(lambda i: i < n, lambda i: i + 1, 0)


def nan_outside(x):
    is_outside = jnp.any(jnp.abs(x) > 40.0) & (jnp.sin(7 * x[0]) > 0)
    return jnp.where(is_outside, jnp.nan, normal(x))


MISBEHAVING = {
    "raises": by_host(_refuses_nonsense),
    "raises in a batch": by_host(_refuses_batches),
    "takes long": takes_long_outside,
    "NaN": nan_outside,
    "NaN in a batch": by_host(_nan_in_batches),
}


@pytest.mark.parametrize("name", MISBEHAVING)
def test_a_random_walk_gets_the_loop_s_chain(name, eager_pilot):
    density = MISBEHAVING[name]
    # Moves so large that a sweep, which first takes all that are allowed, adds them up far outside.
    plan = both(density, pmcmc.RandomWalkMetropolis(7.0))
    assert plan.pilot_seconds > 0
    seen = pmcmc.plan(density, X0, kernel=WALK)
    assert isinstance(seen.solver, pmcmc.solvers.Solver)
    for batch, cause in {
        "raises in a batch": "one at a time, please",
        "NaN in a batch": "not those of the loop",
    }.items():
        assert (cause in plan.headline) == (cause in seen.reason) == (name == batch)
    auto, loop = (
        pmcmc.warmup(density, X0, kernel=WALK, n_steps=400, solver=solver)
        for solver in ("auto", "sequential")
    )
    assert auto.kernel.step_size == loop.kernel.step_size
    np.testing.assert_allclose(auto.state.position, loop.state.position, rtol=0, atol=1e-9)


def langevin_target(gradient):
    """A normal with this function for its gradient."""

    @jax.custom_jvp
    def logdensity(x):
        return normal(x)

    @logdensity.defjvp
    def _(primals, tangents):
        (x,), (t,) = primals, tangents
        return normal(x), jnp.sum(gradient(x) * t)

    return logdensity


@jax.custom_jvp
def _gradient_without_derivative(x):
    return -x


@_gradient_without_derivative.defjvp
def _(primals, tangents):
    (x,), (t,) = primals, tangents
    return -x, jnp.full_like(x, jnp.nan) * t


def _gradient_finite_inside(x):
    bad = jnp.where(x[0] > 0, jnp.nan, jnp.inf)
    return jnp.where(jnp.any(jnp.abs(x) > 2.5), bad, -x)


@pytest.mark.parametrize(
    ("gradient", "structure"),
    [
        (_gradient_finite_inside, pmcmc.solvers.Diagonal()),
        (_gradient_without_derivative, pmcmc.solvers.Dense()),
    ],
)
def test_nan_and_inf_in_a_gradient_or_a_hessian_only(gradient, structure, eager_pilot, monkeypatch):
    monkeypatch.setattr(pilot, "_structures", lambda *_: [structure])
    density = langevin_target(gradient)
    both(density, pmcmc.MALA(0.8))
    auto, loop = (
        pmcmc.warmup(density, X0, n_steps=300, solver=solver) for solver in ("auto", "sequential")
    )
    assert auto.kernel.step_size == loop.kernel.step_size
    np.testing.assert_allclose(auto.state.position, loop.state.position, rtol=0, atol=1e-8)


def test_a_metric_from_draws_alone_where_no_gradient_of_a_batch_is_finite():
    def nan_in_batches(x):
        return np.full(np.shape(x), np.nan) if np.prod(np.shape(x)[:-1]) > 1 else -np.asarray(x)

    def gradient(x):
        return jax.pure_callback(nan_in_batches, x, x, vmap_method="expand_dims")

    tuned = pmcmc.warmup(langevin_target(gradient), X0, n_steps=2000, solver="sequential")
    np.testing.assert_allclose(np.diag(tuned.kernel.inverse_mass_matrix), 1.0, rtol=0.5)


def test_debugging_of_nan_values(eager_pilot, monkeypatch):
    monkeypatch.setattr(pilot, "_structures", lambda *_: [pmcmc.solvers.Diagonal()])
    with jax.debug_nans(True):
        both(lambda x: normal(x / 2), pmcmc.MALA(0.8), n_steps=200)


# --- exceptions of each stage of the pilot, and of sweeps later on


@pytest.mark.parametrize("stage", ["_time_batches", "_exponent", "tried", "check_linearizable"])
def test_an_exception_of_any_stage_leads_to_the_loop(stage, eager_pilot, monkeypatch):
    def fails(*_):
        raise TypeError("boom\nand more")

    owner = pilot._Pilot if hasattr(pilot._Pilot, stage) else pilot
    monkeypatch.setattr(owner, stage, fails)
    plan = both(logistic_of_two, pmcmc.MALA(0.1))
    assert plan.solver == pmcmc.Sequential()
    assert "TypeError: boom)" in plan.reason
    assert "and more" not in str(plan)


def logistic_of_two(x):
    return logistic(jnp.concatenate([x, x]))


def test_a_candidate_that_fails_is_dropped_and_the_others_go_on(eager_pilot, monkeypatch):
    def fails(*_):
        raise FloatingPointError("nan encountered")

    monkeypatch.setattr(pmcmc.solvers.Diagonal, "linearize", fails)
    plan = pmcmc.plan(lambda x: 2 * logistic_of_two(x), X0, kernel=pmcmc.MALA(0.1))
    assert [c.name for c in plan.measurements.candidates] == [f"Dense, window {WINDOW}"]
    assert "Diagonal, window 16: given up, FloatingPointError: nan encountered" in str(plan)
    assert isinstance(plan.solver, pmcmc.ParallelNewton)


@pytest.mark.parametrize("cause", ["one at a time, please", "not finite"])
def test_sweeps_that_fail_in_the_middle_give_way_to_the_loop(cause, monkeypatch):
    seen = choice.Measurements(1.0, {64: 1e-3}, -0.1, (tried(1e-3),))
    monkeypatch.setattr(runner, "measure", lambda *_: decided(seen))
    calls = []

    def later(x):
        calls.append(None)
        is_batch = np.prod(np.shape(x)[:-1]) > 1
        if len(calls) > 150 and is_batch and cause == "not finite":
            return np.full(np.shape(x), np.nan)
        if len(calls) > 150 and is_batch:
            raise ValueError(cause)
        return -np.asarray(x)

    def gradient(x):
        return jax.pure_callback(later, x, x, vmap_method="expand_dims")

    gradient = jax.custom_jvp(gradient)
    gradient.defjvp(lambda x, t: (gradient(*x), -t[0]))
    plan = both(langevin_target(gradient), pmcmc.Langevin(0.3), n_steps=1500)
    assert plan.changes[-1].solver == pmcmc.Sequential()
    assert 128 <= plan.changes[-1].step < 1500
    assert "the loop, as sweeps failed" in plan.headline
    assert cause in plan.headline


def test_an_exception_of_the_loop_comes_out(eager_pilot):
    calls = []

    def later(x):
        calls.append(None)
        if len(calls) > 200:
            raise ValueError("out of paper")
        return _normal_numpy(x)

    with pytest.raises(Exception, match="out of paper"):
        pmcmc.sample(by_host(later), X0, 400, kernel=WALK)
