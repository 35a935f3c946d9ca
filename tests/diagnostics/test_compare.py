"""`compare` finds planted errors, and nothing where there are none."""

import dataclasses

import arviz
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import pmcmc
from pmcmc import diagnostics

from .gumbel import N_STEPS, STEP_SIZE, Careless, exact_draws, run


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_found_in_honest_draws(seed, honest):
    compared = diagnostics.compare(run(rng_key=seed + 1), honest)
    assert compared.problems == ()
    assert compared.same_noise is None
    against_exact = diagnostics.compare(run(rng_key=seed + 1), exact_draws(seed))
    assert against_exact.problems == ()
    assert "in agreement" in repr(against_exact)


def test_nothing_is_found_in_a_chain_found_by_sweeps(honest):
    compared = diagnostics.compare(run(solver="quasi"), honest)
    assert compared.problems == ()
    assert (compared.same_noise.first_difference == -1).all()
    assert (compared.same_noise.largest_difference < 1e-8).all()
    assert "same noise: decisions identical" in repr(compared)


def test_a_wrong_acceptance_ratio_is_found(honest):
    careless = run(Careless(STEP_SIZE), rng_key=1)
    for reference in (honest, exact_draws(0)):
        compared = diagnostics.compare(careless, reference)
        assert any("standard errors apart" in problem for problem in compared.problems)
        assert "NOT IN AGREEMENT" in repr(compared)


def test_variables_of_every_shape_and_kind(honest):
    rng = np.random.default_rng(0)
    positions = {
        "scalar": honest.positions[..., 0],
        "matrix": rng.normal(size=(4, N_STEPS, 2, 3)),
        "none": np.zeros((4, N_STEPS, 0)),
        "count": rng.poisson(3.0, size=(4, N_STEPS)),
        "flag": rng.random((4, N_STEPS)) < 0.5,
        "constant": np.full((4, N_STEPS), 0.3),
    }
    one = dataclasses.replace(honest, positions=positions)
    compared = diagnostics.compare(one, one)
    assert compared.problems == ()
    assert (compared.same_noise.largest_difference == 0).all()
    assert len(compared.table) == 1 + 6 + 1 + 1 + 1
    shift = 0.5 * (np.arange(4) == 2)
    moved = positions | {"matrix": positions["matrix"] + shift[:, None, None, None]}
    compared = diagnostics.compare(dataclasses.replace(honest, positions=moved), one)
    np.testing.assert_allclose(compared.same_noise.largest_difference, shift)
    assert compared.problems[0].startswith("chain 2: decisions are the same, but positions differ")
    fewer = {name: draws[:3] for name, draws in positions.items()}
    assert diagnostics.compare(fewer, positions).problems == ()


def test_float32_draws_far_from_zero_keep_their_digits():
    draws = 1000 + np.random.default_rng(0).normal(size=(4, 100_000))
    compared = diagnostics.compare(draws.astype(np.float32), draws)
    assert (compared.table["difference"] < 0.1).all()
    np.testing.assert_allclose(compared.table["sd"], draws.std(), rtol=1e-4)


def test_events_are_compared_by_their_dimensions():
    draws = np.random.default_rng(0).normal(size=(4, 500, 2, 3)) + np.arange(6).reshape(2, 3)
    data = pmcmc._util.arviz_compat.to_arviz({"x": draws}, {}, {})
    dataset = pmcmc._util.arviz_compat.posterior(data)
    assert (diagnostics.compare(dataset, dataset.transpose()).table["difference"] == 0).all()
    named = dataset.rename({"x_dim_0": "run", "x_dim_1": "statistic"})
    assert diagnostics.compare(named, named).problems == ()


def test_figures_are_those_of_numpy_and_arviz(honest):
    exact = exact_draws(3)
    got = diagnostics.compare(honest, exact).dataset["x"]
    assert got.dims == ("run", "statistic", "x_dim_0")
    draws = honest.positions
    mean = draws.mean(axis=(0, 1))
    np.testing.assert_allclose(got.sel(run="result", statistic="mean"), mean)
    np.testing.assert_allclose(
        got.sel(run="reference", statistic="q5"), np.quantile(exact, 0.05, axis=(0, 1))
    )
    ess = [arviz.ess(draws[..., i]) for i in range(2)]
    np.testing.assert_allclose(got.sel(run="result", statistic="ess_bulk"), ess)
    # The standard error of a mean of exact draws is known.
    error = exact.std(axis=(0, 1)) / np.sqrt(exact[..., 0].size)
    theirs = [arviz.mcse(draws[..., i], method="mean") for i in range(2)]
    expected = np.abs(mean - exact.mean(axis=(0, 1))) / np.hypot(error, theirs)
    got_difference = got.sel(run="difference", statistic="mean")
    np.testing.assert_allclose(got_difference, expected, rtol=0.05)


def test_the_bound_is_that_of_independent_normals(honest):
    compared = diagnostics.compare(honest, exact_draws(0))
    assert compared.max_difference == pytest.approx(stats.norm.isf(1e-4 / 2 / 10))
    assert diagnostics.compare(honest, honest, max_difference=3.0).max_difference == 3.0


def test_the_table_has_a_row_a_number_the_worst_first(honest):
    table = diagnostics.compare(run(rng_key=1), honest).table
    assert sorted(table.index) == ["x[0]", "x[1]"]
    assert (np.diff(table["difference"]) <= 0).all()
    for column in ("mean", "mean_ref", "sd", "q95_ref", "ess_tail", "r_hat", "differs_in"):
        assert column in table


@pytest.mark.parametrize("kind", ["result", "arviz", "dataset", "mapping", "array", "mcmc"])
def test_references_of_every_kind(kind, honest):
    class MCMC:
        def get_samples(self, group_by_chain=False):
            assert group_by_chain
            return {"x": honest.positions}

    reference = {
        "result": lambda: honest,
        "arviz": honest.to_arviz,
        "dataset": lambda: pmcmc._util.arviz_compat.posterior(honest.to_arviz()).transpose(),
        "mapping": lambda: {"x": jnp.asarray(honest.positions), "other": np.zeros((4, N_STEPS))},
        "array": lambda: honest.positions,
        "mcmc": MCMC,
    }[kind]()
    compared = diagnostics.compare(honest, reference)
    assert list(compared.dataset.data_vars) == ["x"]
    assert compared.problems == ()
    assert (compared.table["difference"] == 0).all()


def test_too_few_draws_to_tell_are_said_to_be():
    few = run(rng_key=5).positions[:, :20]
    problems = diagnostics.compare(few, exact_draws(0)).problems
    assert problems[0].startswith("result: ")
    assert "below 100 a comparison means little" in problems[0]


def test_chains_that_stand_still_do_not_agree():
    still = np.full((4, 500, 2), 0.3)
    problems = diagnostics.compare(still, exact_draws(2)).problems
    assert sum("standard errors apart" in problem for problem in problems) >= 8
    assert not any("apart" in problem for problem in diagnostics.compare(still, still).problems)


def test_a_nan_is_no_agreement():
    draws = exact_draws(1)
    draws[0, 5, 1] = np.nan
    problems = diagnostics.compare(draws, exact_draws(2)).problems
    assert sum(problem.startswith("x[1]: ") for problem in problems) == 5


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"y": np.zeros((1, 10))}, r"a variable in common, got \['x'\] and \['y'\]: rename"),
        (np.zeros(10), r"leading axes \(chain, draw\) in all its arrays, got shapes"),
        ({"x": np.zeros((1, 10)), "z": np.zeros((2, 10))}, "the same leading axes"),
        (np.zeros((4, 10)), r"variable 'x' must have one shape in both, got \(2,\) in result"),
        ("draws.nc", "reference must be a result, an object of ArviZ's with a posterior"),
        (None, "reference must be a result"),
        (np.zeros((4, 0, 2)), "reference must have draws, got none"),
    ],
)
def test_bad_references(reference, message, honest):
    with pytest.raises(ValueError, match=message):
        diagnostics.compare(honest, reference)


def test_bad_bound(honest):
    with pytest.raises(ValueError, match="max_difference must be a positive finite number"):
        diagnostics.compare(honest, honest, max_difference=0.0)
