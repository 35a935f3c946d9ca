"""`kernel="surrogate_hmc"`: a warm-up in stages, and draws that are right."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._adaptation import rounds
from pmcmc._adaptation.rounds import (
    ROUNDS,
    have_arrived,
    is_poor,
    longest_standstill,
    random_walk_share,
)
from pmcmc._arguments import as_task
from pmcmc._sample import default_warmup
from pmcmc._warmup import tune

COVARIANCE = np.array([[2.0, 0.6], [0.6, 0.5]])
PRECISION = np.linalg.inv(COVARIANCE)
MEAN = np.array([3.0, -1.0])


def normal(x):
    offset = x["a"] - MEAN
    return -0.5 * offset @ jnp.asarray(PRECISION) @ offset


@pytest.fixture(scope="module")
def run():
    x0 = {"a": np.zeros((4, 2))}
    return pmcmc.sample(normal, x0, 2000, kernel="surrogate_hmc", n_chains=4, n_warmup=800)


def test_nearly_independent_draws_of_the_target(run):
    draws = run.positions["a"]
    assert draws.shape == (4, 2000, 2)
    errors = (draws.mean(axis=(0, 1)) - MEAN) / np.sqrt(np.diag(COVARIANCE) / 4000)
    assert np.abs(errors).max() < 4
    np.testing.assert_allclose(np.cov(draws.reshape(-1, 2).T), COVARIANCE, rtol=0.15, atol=0.05)
    centered = draws - draws.mean(axis=1, keepdims=True)
    lag = np.sum(centered[:, 1:] * centered[:, :-1], axis=1) / np.sum(centered**2, axis=1)
    assert np.abs(lag).max() < 0.4
    assert run.stats["is_accepted"].mean() > 0.75


def test_a_good_guide_is_nothing_to_report(run):
    text = str(pmcmc.diagnostics.report(run))
    assert "guide" not in text
    assert "Acceptance is high" not in text


def test_what_the_warm_up_says(run):
    notes = [note for note in run.info.warmup.notes if note.tunes == "surrogate"]
    assert len(notes) == 3
    assert "degree 2" in notes[-1].words
    assert "poor" not in notes[-1].words
    assert notes[-1].figures["held_out_error"] < 1e-3
    assert run.info.warmup.n_steps.sum() == 800
    assert notes[-1].figures["degree"] == 2
    assert run.info.kernel.surrogate.degree == 6  # of the table, which all fits have
    # A line of a result, not a page of coefficients.
    assert "kernel      SurrogateHMC(surrogate=PolynomialSurrogate(degree=6), step_size=" in str(
        run
    )
    assert (run.info.gradient_evaluations == 0).all()
    # One a step, and one at the start of each segment, whose number the clock decides.
    assert (run.info.logdensity_evaluations <= 2020).all()


def test_the_tuned_kernel_goes_on_by_speculation_with_the_same_decisions(run):
    x0 = {"a": run.final_state.position["a"][0]}
    loop, ahead = (
        pmcmc.sample(normal, x0, 500, kernel=run.info.kernel, solver=solver)
        for solver in ("sequential", pmcmc.Speculative(window=32))
    )
    assert (loop.stats["is_accepted"] == ahead.stats["is_accepted"]).all()
    np.testing.assert_allclose(loop.positions["a"], ahead.positions["a"], rtol=0, atol=1e-9)
    assert ahead.info.sweeps[0] < 500 / 20


def test_a_coarse_function_of_the_user_is_tuned_like_any_kernel():
    def coarse(x):
        return -0.4 * jnp.sum((x["a"] - 2.0) ** 2)

    kernel = pmcmc.SurrogateHMC(coarse, 0.5)
    x0 = {"a": np.zeros((2, 2))}
    run = pmcmc.sample(normal, x0, 4000, kernel=kernel, n_chains=2, n_warmup=500)
    draws = run.positions["a"].reshape(-1, 2)
    np.testing.assert_allclose(draws.mean(axis=0), MEAN, atol=0.35)
    again = pmcmc.sample(normal, x0, 5, kernel=run.info.kernel, n_chains=2)
    assert again.positions["a"].shape == (2, 5, 2)


def test_a_surrogate_that_is_no_guide_is_said_to_be_one():
    def rough(x):  # at a scale that no polynomial follows
        return -0.5 * jnp.sum(x**2) + 1.2 * jnp.sum(jnp.sin(20 * x))

    with pytest.warns(UserWarning, match="poor guide.*write kernel='hmc', or 'mala'"):
        run = pmcmc.sample(rough, np.zeros(6), 50, kernel="surrogate_hmc", n_warmup=600)
    assert "poor guide" in run.info.warmup.notes[-1].words
    assert "a poor guide to this log density" in str(pmcmc.diagnostics.report(run))


def line_through_years(x):
    """Intercept and slope correlate by -0.9999; at zero, the log density is lower by millions."""
    years = np.arange(1952.0, 2014.0)
    warmth = 9.3 + 0.02 * (years - 1983) + 1.1 * np.sin(37 * years)
    rest = (warmth - x[0] - x[1] * years) * jnp.exp(-x[2])
    prior = (x[0] - 9.3) ** 2 / 1e4 + 1e3 * x[1] ** 2
    return -0.5 * jnp.sum(rest**2) - len(years) * x[2] - 0.5 * prior


def test_rounds_go_on_where_the_random_walk_has_not_arrived():
    run = pmcmc.sample(
        line_through_years, np.zeros((4, 3)), 1000, kernel="surrogate_hmc", n_chains=4
    )
    assert run.summary()["r_hat"].max() < 1.05
    rates = [
        note.figures["acceptance_rate"]
        for note in run.info.warmup.notes
        if "degree" in note.figures
    ]
    assert rates[0] < 0.3  # the first surrogate knew only the way
    assert len(rates) > ROUNDS
    of_metric = [note.words for note in run.info.warmup.notes if "matrix" in note.tunes]
    assert any("and the gradients of the surrogate there" in words for words in of_metric)


def test_only_the_last_round_shows_whether_chains_are_stationary():
    task = as_task(normal, {"a": MEAN}, "surrogate_hmc", 1, 0)
    seen = tune(task, pmcmc.Sequential(), 1200, False, False)
    n_last = seen.report.n_steps[-1]
    assert n_last < 400  # of 600 in rounds
    assert seen.kept["positions"].shape[1] == n_last


def test_a_warm_up_that_was_too_short_says_so(monkeypatch):
    monkeypatch.setattr(rounds, "have_arrived", lambda *_: False)
    words = "have not settled yet: take a longer warm-up, or start closer"
    with pytest.warns(UserWarning, match=words):
        run = pmcmc.sample(normal, {"a": MEAN}, 10, kernel="surrogate_hmc", n_warmup=600)
    assert run.info.warmup.notes[-1].words.endswith(words)


def test_which_chains_have_arrived():
    rng = np.random.default_rng(0)
    draws, accepted = rng.normal(size=(4, 80, 2)), np.ones((4, 80), bool)
    assert have_arrived(accepted, draws)
    assert not have_arrived(rng.random((4, 80)) < 0.2, draws)
    assert not have_arrived(accepted, draws + np.arange(4)[:, None, None])
    assert not have_arrived(accepted, np.cumsum(draws, axis=1))
    # A few steps tell nothing about agreement.
    assert have_arrived(accepted[:, :3], np.cumsum(draws, axis=1)[:, :3])
    assert not have_arrived(~accepted[:, :3], draws[:, :3])


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"kernel": pmcmc.SurrogateHMC()}, "is fitted in the warm-up.*n_warmup=2000"),
        (
            {"kernel": "surrogate_hmc", "n_warmup": 6, "x0": np.zeros(20)},
            "the warm-up has too few evaluations.*raise n_warmup",
        ),
        ({"kernel": "surrogate_hmc", "n_warmup": 5}, "at least 6 .*got 5: write n_warmup=2000"),
        ({"kernel": "surrogate_hmc", "x0": np.zeros(60)}, "at most 58 numbers, got 60.*'hmc'"),
    ],
)
def test_what_cannot_be_fitted_is_refused(choices, message):
    def density(x):
        return -0.5 * jnp.sum(x**2)

    choices = {"x0": np.zeros(3), **choices}
    with pytest.raises(ValueError, match=message):
        pmcmc.sample(density, choices.pop("x0"), 10, **choices)


def unbounded(x):
    return jax.lax.while_loop(lambda y: jnp.sum(y**2) > 1, lambda y: y / 2, x).sum()


@pytest.mark.parametrize("n_warmup", [0, 100])
@pytest.mark.parametrize(
    ("surrogate", "message"),
    [
        (
            pmcmc.surrogates.GaussianSurrogate.from_metric(np.zeros(4), np.ones(4)),
            "^surrogate must be a function of positions like x0.*write surrogate='auto'",
        ),
        (lambda x: x**2, r"surrogate must return a real scalar, got shape \(3,\)"),
        (lambda x: (x.sum(), 1), "surrogate must return a real scalar, got tuple"),
        (unbounded, "surrogate has no gradient.*SurrogateHMC needs one.*lax.scan"),
    ],
)
def test_surrogates_that_cannot_be_followed_are_refused(surrogate, message, n_warmup):
    kernel = pmcmc.SurrogateHMC(surrogate, 0.3)
    with pytest.raises(ValueError, match=message):
        pmcmc.sample(lambda x: -x @ x / 2, np.zeros(3), 10, kernel=kernel, n_warmup=n_warmup)


def test_standstills_are_counted_within_a_chain():
    accepted = np.array([[1, 0, 0, 1, 0], [0, 1, 0, 0, 0]], bool)
    assert longest_standstill(accepted) == 3
    assert longest_standstill(np.ones((2, 3), bool)) == 0
    assert longest_standstill(np.zeros((1, 7), bool)) == 7


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, False),
        ({"held_out_error": 1.1}, True),
        ({"acceptance_rate": 0.2}, True),
        ({"longest_standstill": 100}, True),
    ],
)
def test_what_makes_a_poor_guide(change, expected):
    good = {"held_out_error": 0.9, "acceptance_rate": 0.4, "longest_standstill": 99}
    assert is_poor(good | change) == expected


COMPILED = []


def listen(event, *_, **__):
    if event.endswith("backend_compile_duration"):
        COMPILED.append(event)


@pytest.mark.parametrize(
    ("dim", "expected"), [(2, 2000), (8, 2000), (10, 2253), (12, 4000), (40, 4000), (60, 6000)]
)
def test_the_default_warm_up_is_as_long_as_the_terms_need(dim, expected):
    assert default_warmup("surrogate_hmc", dim) == expected


@pytest.mark.parametrize(
    ("given", "error", "rate", "expected"),
    [
        (0.15, 0.5, 0.7, 0.15),
        (0.15, 0.05, 0.9, 0.05),
        (0.02, 0.05, 0.9, 0.02),
        (0.15, 0.05, 0.4, 0.3),
    ],
)
def test_random_walks_are_for_where_the_surrogate_is_not_good(given, error, rate, expected):
    assert random_walk_share(given, error, rate) == expected


def test_the_share_of_random_walks_is_tuned(run):
    assert run.info.kernel.random_walk_share == 0.05


def test_the_whole_warm_up_takes_one_program_of_the_chain():
    jax.monitoring.register_event_duration_secs_listener(listen)
    call = {"kernel": "surrogate_hmc", "n_chains": 4, "n_warmup": 400, "solver": "sequential"}
    counts = []
    for scale in (1.0, 2.0):  # all that does not depend on the log density is there after the first

        def density(x, scale=scale):
            return -0.5 * jnp.sum((x / scale) ** 2)

        COMPILED.clear()
        pmcmc.sample(density, np.zeros((4, 2)), 100, **call)
        counts.append(len(COMPILED))
    # The state at the start, and the chain: walk, rounds and draws are by the same programs. The
    # noise of a block is compiled for each run.
    assert counts[1] <= 3
