"""The windows of a warm-up."""

import numpy as np
import pytest

import pmcmc
from pmcmc._adaptation.criteria.base import Acts
from pmcmc._adaptation.rounds import ROUNDS
from pmcmc._adaptation.schedule import phases, windows_before_another_kernel


@pytest.mark.parametrize("acts", [set(), {Acts.AFTER_WINDOWS}, set(Acts)])
def test_windows_add_up_to_the_steps_of_the_warm_up(acts):
    for n_steps in range(1, 700):
        sizes = [size for phase in phases(n_steps, acts) for size in phase.windows]
        assert sum(sizes) == n_steps
        assert min(sizes) > 0


def test_windows_of_a_phase_grow_by_equal_amounts():
    (phase,) = phases(820, {Acts.AFTER_WINDOWS})
    assert phase.windows == list(range(1, 41))


def test_a_walk_that_only_prepares_has_fewer_windows_in_the_same_phases():
    usual, fewer = (
        phases(1000, set(Acts)),
        phases(1000, set(Acts), windows_before_another_kernel(2)),
    )
    assert [sum(phase.windows) for phase in usual] == [sum(phase.windows) for phase in fewer]
    assert {len(phase.windows) for phase in fewer} == {4}


@pytest.mark.parametrize(("dim", "n_windows"), [(2, 4), (13, 10)])
def test_in_many_dimensions_the_walk_keeps_its_windows(dim, n_windows):
    kernel = "surrogate_hmc"
    found = pmcmc.warmup(lambda x: -(x @ x) / 2, np.zeros(dim), kernel=kernel, n_steps=1200)
    assert 6 * n_windows + ROUNDS <= len(found.report.step_size) <= 6 * n_windows + 8
