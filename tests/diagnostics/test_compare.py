"""`compare` finds planted errors, and nothing where there are none."""

import dataclasses

import arviz
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import pmcmc
from pmcmc import diagnostics
from pmcmc.kernels import MALA

N_STEPS = 4000
STEP_SIZE = 0.35


def skewed(x):
    """Two independent Gumbel variables, whose density falls off unevenly."""
    return jnp.sum(-x - jnp.exp(-x))


class Careless(MALA):
    """MALA whose acceptance ratio leaves out the density of the proposal."""

    def log_proposal_ratio(self, state, proposal, noise):
        return 0.0


def run(kernel=None, **options):
    kernel = MALA(STEP_SIZE) if kernel is None else kernel
    options = {"n_chains": 4, "solver": "sequential"} | options
    return pmcmc.sample(skewed, np.zeros((4, 2)), N_STEPS, kernel=kernel, **options)


@pytest.fixture(scope="module")
def honest():
    return run()


def exact_draws(seed):
    return np.random.default_rng(seed).gumbel(size=(4, N_STEPS, 2))


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


def test_one_changed_decision_is_found(honest):
    draw = 1234
    stats = {name: value.copy() for name, value in honest.stats.items()}
    stats["is_accepted"][2, draw] ^= True
    positions = honest.positions.copy()
    positions[2, draw] = positions[2, draw - 1]
    compared = diagnostics.compare(
        dataclasses.replace(honest, stats=stats, positions=positions), honest
    )
    assert compared.same_noise.first_difference.tolist() == [-1, -1, draw, -1]
    (problem,) = compared.problems
    assert problem.startswith(f"chain 2: decisions differ from draw {draw} on, in 1 of 4,000 draws")


def test_a_shifted_position_is_found_where_all_decisions_are_the_same(honest):
    positions = honest.positions.copy()
    positions[1, 7] += 1e-3
    shifted = dataclasses.replace(honest, positions=positions)
    (problem,) = diagnostics.compare(shifted, honest).problems
    assert problem.startswith(
        "chain 1: decisions are the same, but positions differ by up to 1.0e-03"
    )


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


@pytest.mark.parametrize(
    "change",
    [
        dict(dtype=np.dtype(np.float32)),
        dict(kernel=MALA(0.4)),
        dict(kernel=Careless(STEP_SIZE)),
        dict(rng_key_impl="rbg"),
    ],
)
def test_another_kernel_precision_or_kind_of_key_is_other_noise(change, honest):
    other = dataclasses.replace(honest, info=dataclasses.replace(honest.info, **change))
    assert diagnostics.compare(other, honest).same_noise is None
    assert diagnostics.compare(honest, honest).same_noise is not None


def test_float32_runs_that_part_are_told_to_be_compared_in_float64(honest):
    narrow = {name: values.copy() for name, values in honest.stats.items()}
    narrow["is_accepted"][0, 50] ^= True
    positions = honest.positions.astype(np.float32)
    moved = positions.copy()
    moved[0, 40:, 0] += 1.0
    info = dataclasses.replace(honest.info, dtype=np.dtype(np.float32))
    one = dataclasses.replace(honest, positions=positions, info=info)
    other = dataclasses.replace(honest, positions=moved, stats=narrow, info=info)
    problem = diagnostics.compare(other, one).problems[0]
    assert problem.startswith("chain 0: decisions differ from draw 50 on")
    assert "compare in float64" in problem


def test_runs_that_part_at_once_have_another_start(honest):
    other = pmcmc.sample(
        skewed, np.full((4, 2), 3.0), N_STEPS, kernel=MALA(STEP_SIZE), n_chains=4,
        solver="sequential",
    )  # fmt: skip
    problems = diagnostics.compare(other, honest).problems
    assert any("The runs part before: compare kernels, starts" in problem for problem in problems)


def test_runs_that_part_with_the_first_decision(honest):
    stats = honest.stats | {"is_accepted": ~honest.stats["is_accepted"]}
    problems = diagnostics.compare(dataclasses.replace(honest, stats=stats), honest).problems
    assert len(problems) == 4
    assert all("from draw 0 on" in problem for problem in problems)
    assert all("The runs part at once: compare kernels" in problem for problem in problems)


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
    assert "below 100 the comparison means little" in problems[0]


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
