"""`report` names what was planted, and is silent where nothing is wrong."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc import diagnostics
from pmcmc.solvers import Outcome


def normal(x):
    return -0.5 * jnp.sum(x**2)


@pytest.fixture(scope="module")
def good():
    x0 = np.random.default_rng(0).normal(size=(4, 2))
    kernel = pmcmc.MALA(0.8)
    return pmcmc.sample(normal, x0, 2000, kernel=kernel, n_chains=4, solver="quasi")


def planted(result, stats=None, positions=None, **info):
    """The result with something changed."""
    return dataclasses.replace(
        result,
        stats=result.stats | (stats or {}),
        positions=result.positions if positions is None else positions,
        info=dataclasses.replace(result.info, **info),
    )


def found(result):
    return [finding.what for finding in diagnostics.report(result).findings]


def test_nothing_is_wrong_with_good_draws(good):
    report = diagnostics.report(good)
    assert report.findings == ()
    assert repr(report).startswith("pmcmc.Report: no problems found\n  acceptance 0.")
    table = good.summary()
    ess = int(re.search(r"smallest ESS ([\d,]+) \(bulk\)", report.figures)[1].replace(",", ""))
    assert ess == pytest.approx(table["ess_bulk"].astype(float).min(), abs=1)
    assert 0.99 < float(re.search(r"largest R-hat (\d\.\d+)", report.figures)[1]) < 1.01
    assert re.search(r"residual \d\.\de-\d\d, 0 steps one at a time", report.figures)


def test_a_chain_that_was_not_found(good):
    outcome = [Outcome.FINISHED, Outcome.BUDGET_SPENT, Outcome.BUDGET_SPENT, Outcome.NOT_FINITE]
    scaled = np.array([0.1, 0.2, 30.0, np.inf])
    report = diagnostics.report(planted(good, outcome=outcome, scaled_residual=scaled))
    (blown_up, _), (spent, remedy) = report.findings
    assert blown_up == "Chain 3: the recursion itself led to states that are not finite."
    assert spent.startswith("Chains 1, 2: max_sweeps were spent")
    assert spent.endswith("The draws are not the loop's (residual 3.0e+01 times the tolerance).")
    assert remedy.startswith("Do not use the draws: ")
    in_warmup = planted(good, outcome=[Outcome.BUDGET_SPENT] * 4)
    assert found(in_warmup)[0].endswith("The draws are not the loop's (in the warm-up).")


def test_draws_that_are_not_finite_and_numbers_that_never_change(good):
    constant = np.full((4, 2000, 1), 1.0)
    assert found(planted(good, positions=np.concatenate([good.positions, constant], -1))) == []
    positions = good.positions.copy()
    positions[0, 5, 1] = np.nan
    assert found(planted(good, positions=positions)) == [
        "1 number with draws that are NaN or infinite: x[1]."
    ]
    still = diagnostics.report(planted(good, positions=np.ones((4, 2000, 2))))
    assert still.findings[0].what.startswith("Chains 0, 1, 2, 3 stood still")
    assert "no number that changes" in still.figures


def test_a_chain_that_got_lost(good):
    levels = good.stats["logdensity"].copy()
    levels[2] -= 100.0
    (what,) = found(planted(good, {"logdensity": levels}))
    assert what.startswith("Chain 2 got lost: the log density is at most -100.")
    assert what.endswith(f" there; the best chain has a mean of {levels.mean(axis=1).max():.1f}.")
    # The step size belongs to the others.
    rates = np.full_like(levels, 0.99)
    assert len(found(planted(good, {"logdensity": levels, "acceptance_rate": rates}))) == 1
    # A mode of less mass is no place to be lost in, and without log densities nothing tells.
    assert found(planted(good, {"logdensity": levels + np.array([[0], [0], [97], [0]])})) == []
    assert found(planted(good, {"logdensity": np.full_like(levels, np.nan)})) == []
    gibbs = pmcmc.CustomKernel(lambda x, z: z, lambda key, x: jax.random.normal(key, x.shape))
    assert found(pmcmc.sample(None, np.zeros((4, 2)), 2000, kernel=gibbs, n_chains=4)) == []


def test_divergences(good):
    is_divergent = good.stats["is_divergent"].copy()
    is_divergent[2, :7] = True
    (what,) = found(planted(good, {"is_divergent": is_divergent}))
    assert what.startswith("7 divergent steps, in chain 2")


@pytest.mark.parametrize(
    ("n_draws", "counts", "is_found"),
    [
        (2000, [1, 0, 0, 0], False),
        (2000, [2, 2, 1, 0], False),  # 0.1 % of a chain at most
        (2000, [0, 0, 3, 0], True),
        (200, [1, 1, 1, 1], False),  # one draw is more than 0.1 % of so few, but an accident
        (200, [0, 2, 0, 0], True),
    ],
)
def test_a_few_divergences_are_counted_but_no_finding(n_draws, counts, is_found, good):
    is_divergent = np.arange(2000) < np.array(counts)[:, None]
    stats = {name: x[:, :n_draws] for name, x in good.stats.items()}
    stats["is_divergent"] = is_divergent[:, :n_draws]
    report = diagnostics.report(planted(good, stats, good.positions[:, :n_draws]))
    assert any("divergent" in what for what, _ in report.findings) == is_found
    assert f"{sum(counts)} divergent" in report.figures


def test_a_chain_that_stands_still(good):
    positions = good.positions.copy()
    positions[0, 300:500] = positions[0, 299]
    positions[0, 500] += 1.0
    whats = found(planted(good, positions=positions))
    assert whats[0] == "Chain 0 stood still for up to 200 of 2,000 draws."
    # Rejected steps of a thinned chain are no standstill.
    none = np.zeros_like(good.stats["is_accepted"])
    assert found(planted(good, {"is_accepted": none}, thin=50)) == []


@pytest.mark.parametrize(("dtype", "is_coarse"), [(np.float32, True), (np.float64, False)])
def test_log_densities_too_large_for_their_precision(dtype, is_coarse):
    x0 = np.random.default_rng(0).normal(size=(4, 1)).astype(dtype)
    kernel = pmcmc.RandomWalkMetropolis(2.4)
    run = pmcmc.sample(
        lambda x: normal(x) - jnp.asarray(1e8, x.dtype), x0, 8000, kernel=kernel, n_chains=4
    )
    assert (run.positions.std() > 1.1) == is_coarse
    whats = [what for what in found(run) if what.startswith("Log densities")]
    expected = (
        "Log densities are about -1.0e+08, where float32 has a resolution of 8: rounding decides "
        "what is accepted."
    )
    assert whats == ([expected] if is_coarse else [])


def test_numbers_whose_steps_are_lost_in_rounding():
    far = jnp.array([0.0, 1e6], jnp.float32)  # where numbers of float32 are 0.06 apart

    def run(scale, **choices):
        scales = jnp.array([1.0, scale], jnp.float32)
        return pmcmc.sample(
            lambda x: -0.5 * jnp.sum(((x - far) / scales) ** 2),
            jnp.tile(far, (4, 1)),
            4000,
            kernel=pmcmc.RandomWalkMetropolis(1.5, inverse_mass_matrix=scales**2),
            n_chains=4,
            solver="sequential",
            **choices,
        )

    what = (
        "1 of 2 numbers move by less than float32 tells apart, or not at all: x[1] (up to 1e+06)."
    )
    assert found(run(0.01)) == [what]
    coarse = run(0.02)
    assert 0 < coarse.positions[..., 1].astype(float).std() < 0.5 * 0.02
    assert found(coarse) == [what]
    assert found(run(0.2)) == []
    # What is kept in the place of positions may be constant.
    assert found(run(0.01, keep=lambda x: jnp.append(x, 1.0))) == []


def test_what_to_do_about_few_effective_draws_follows_from_the_kernel(good):
    walk = np.cumsum(np.random.default_rng(0).normal(size=good.positions.shape), axis=1)

    def remedies(kernel):
        report = diagnostics.report(planted(good, positions=walk, kernel=kernel))
        return [x.remedy for x in report.findings if "effective draws" in x.what]

    assert remedies(good.info.kernel)[0].endswith("(pmcmc.warmup), or take kernel='hmc'.")
    assert "kernel='mala' or 'hmc', whose metric" in remedies(pmcmc.Barker(0.5))[0]
    assert remedies(pmcmc.HMC(0.5, 3))[0].endswith("or tune step size and metric (pmcmc.warmup).")


def test_chains_that_do_not_agree(good):
    positions = good.positions.copy()
    positions[3, :, 1] += 1.0
    what = found(planted(good, positions=positions))[0]
    assert what.startswith(
        "1 of 2 numbers have R-hat above 1.01: chains do not agree; worst: x[1] (1."
    )


def test_few_effective_draws(good):
    walk = np.random.default_rng(1).normal(size=(4, 2000, 2))
    for t in range(1, 2000):
        walk[:, t] = 0.99 * walk[:, t - 1] + walk[:, t]
    assert any(
        "2 of 2 numbers have fewer than 400 effective draws" in what
        for what in found(planted(good, positions=walk))
    )


def test_few_effective_draws_in_the_tails(good):
    # A scale that changes slowly leaves the mean alone.
    scale = np.where(np.arange(2000) < 200, 5.0, 1.0)[:, None]
    positions = scale * np.random.default_rng(2).normal(size=(4, 2000, 2))
    table = planted(good, positions=positions).summary()
    assert table["ess_bulk"].astype(float).min() > 400 > table["ess_tail"].astype(float).min()
    assert any("effective draws" in what for what in found(planted(good, positions=positions)))


def test_a_single_chain_and_its_figures():
    one = pmcmc.sample(normal, np.zeros(2), 2000, kernel=pmcmc.MALA(0.8), solver="sequential")
    report = diagnostics.report(one)
    (finding,) = report.findings
    assert finding.what.startswith("There is one chain")
    assert "R-hat" not in report.figures
    assert "one at a time" not in report.figures


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (0.2, "Acceptance is low: 0.20 in chains 0, 1, 2, 3; about 0.574 is efficient."),
        (0.95, "Acceptance is high: 0.95 in chains 0, 1, 2, 3; about 0.574 is efficient."),
    ],
)
def test_acceptance_far_from_its_aim(rate, message, good):
    rates = np.full_like(good.stats["acceptance_rate"], rate)
    assert found(planted(good, {"acceptance_rate": rates})) == [message]


def test_kernels_without_an_aim_may_accept_everything():
    langevin = pmcmc.sample(
        normal, np.zeros((4, 2)), 2000, kernel=pmcmc.Langevin(0.3), n_chains=4, solver="sequential"
    )
    assert langevin.stats["is_accepted"].all()
    assert found(langevin) == []


def test_steps_taken_one_at_a_time_and_slow_sweeps(good):
    what = found(planted(good, sequential_steps=np.array([0, 500, 0, 0])))
    assert what == ["500 steps (25%) were taken one at a time in chain 1, because "
                    "sweeps stalled. The draws are correct."]  # fmt: skip
    newton = pmcmc.ParallelNewton(jacobian=pmcmc.solvers.DiagonalBlocks())
    within = pmcmc.solvers.Nested(newton)
    assert found(planted(good, sweeps=np.full(4, 4000), solver=within)) == []
    (slow,) = found(planted(good, sweeps=np.array([1500, 900, 1000, 1000])))
    assert slow.startswith("A sweep finished only 1.3 steps")


@pytest.mark.parametrize("wrong", [None, np.zeros((1, 10)), {"x": np.zeros((1, 10))}])
def test_only_results_can_be_reported_on(wrong):
    with pytest.raises(ValueError, match=r"result must be what pmcmc\.sample returned, got"):
        diagnostics.report(wrong)
