"""What a result says of a solver that runs out of budget, and of the sweeps that were taken."""

import numpy as np

import pmcmc

from .helpers.densities import double_well, start


def test_starved_solver_returns_the_sequential_chain_and_counts_its_steps():
    kernel = pmcmc.MALA(step_size=0.1)
    x0 = start(3, 2, 4)
    loop, starved = (
        pmcmc.sample(double_well, x0, 300, kernel=kernel, solver=solver, n_chains=2)
        for solver in ("sequential", pmcmc.ParallelNewton(max_sweeps=1, window=50))
    )
    np.testing.assert_array_equal(starved.stats["is_accepted"], loop.stats["is_accepted"])
    np.testing.assert_allclose(starved.positions, loop.positions, rtol=0, atol=1e-12)
    assert starved.info.sequential_steps.tolist() == [294, 294]
    assert starved.info.converged.all()
    assert "588 steps one at a time" in repr(starved)


def test_giving_up_without_fallback_is_marked_everywhere():
    solver = pmcmc.ParallelNewton(max_sweeps=2, window=50, fallback=None)
    result = pmcmc.sample(
        double_well, start(4, 2), 100, kernel=pmcmc.MALA(step_size=0.1), solver=solver
    )
    assert not result.info.converged.any()
    assert result.info.scaled_residual[0] > 1
    assert "NOT CONVERGED in chain 0" in repr(result)


def test_an_unconverged_warmup_is_not_hidden_by_converged_draws():
    def run(solver):
        return pmcmc.sample(double_well, 3 * start(10, 4), 1, n_warmup=100, solver=solver)

    result = run(pmcmc.ParallelNewton(max_sweeps=2, fallback=None))
    assert result.info.scaled_residual[0] <= 1  # of the draw
    assert not result.info.warmup.converged.any()
    assert not result.info.converged.any()
    completed = run(pmcmc.ParallelNewton(max_sweeps=2))
    assert completed.info.converged.all()
    assert completed.info.warmup.sequential_steps[0] > 0
    assert "steps one at a time" in repr(completed)


def test_chains_that_run_out_of_budget_at_different_times_stay_themselves():
    # Some blocks are completed one step at a time in one chain only.
    kernel = pmcmc.MALA(step_size=0.25)
    x0 = np.stack([start(11, 4), 0 * start(11, 4), 3 * start(12, 4)])
    solver = pmcmc.ParallelNewton(basis=None, window=20, max_sweeps=13)
    loop = pmcmc.sample(double_well, x0, 330, kernel=kernel, n_chains=3, solver="sequential")
    batch = pmcmc.sample(double_well, x0, 330, kernel=kernel, n_chains=3, solver=solver)
    assert len(set(batch.info.sequential_steps.tolist())) > 1
    assert (batch.info.sequential_steps < 300).all()
    np.testing.assert_array_equal(batch.stats["is_accepted"], loop.stats["is_accepted"])
    np.testing.assert_allclose(batch.positions, loop.positions, rtol=0, atol=1e-8)


def test_counts_add_up_over_segments():
    solver = pmcmc.ParallelNewton(basis=None, window=4, max_sweeps=1)  # segments of 64 steps
    info = pmcmc.sample(
        double_well, start(13, 2), 200, kernel=pmcmc.MALA(step_size=0.1), solver=solver
    ).info
    assert info.sweeps.tolist() == [50]
    assert info.sequential_steps.tolist() == [150]
    assert info.work_per_step.tolist() == [(50 * 4 + 150) / 200]


def test_each_chain_counts_its_own_sweeps():
    kernel = pmcmc.MALA(step_size=0.25)
    x0 = np.stack([start(14, 4), 3 * start(15, 4)])
    solver = pmcmc.ParallelNewton(basis=None, window=25)
    batch = pmcmc.sample(double_well, x0, 200, kernel=kernel, n_chains=2, solver=solver)
    alone = pmcmc.sample(double_well, x0[0], 200, kernel=kernel, solver=solver)
    assert batch.info.sweeps[0] == alone.info.sweeps[0] != batch.info.sweeps[1]
