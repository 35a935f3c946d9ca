"""The windows of a warm-up."""

import pytest

from pmcmc._adaptation.criteria.base import Acts
from pmcmc._adaptation.schedule import phases


@pytest.mark.parametrize("acts", [set(), {Acts.AFTER_WINDOWS}, set(Acts)])
def test_windows_add_up_to_the_steps_of_the_warm_up(acts):
    for n_steps in range(1, 700):
        sizes = [size for phase in phases(n_steps, acts) for size in phase.windows]
        assert sum(sizes) == n_steps
        assert min(sizes) > 0


def test_windows_of_a_phase_grow_by_equal_amounts():
    (phase,) = phases(820, {Acts.AFTER_WINDOWS})
    assert phase.windows == list(range(1, 41))
