import numpy as np
import pytest

from pmcmc._chain.evidence import Evidence
from pmcmc._chain.segment import Segment
from pmcmc.solvers import Outcome, SweepLog, Trajectories


def segment(residual, position=0.0):
    """Five steps of two chains, of which the first has the given residual."""
    count = np.array([3, 4])
    report = Trajectories(
        states=None,
        aux=None,
        sweeps=count,
        sequential_steps=count + 1,
        evaluations=count + 2,
        calls=count + 3.0,
        products=count + 4.0,
        residual=np.array([residual, 0.0]) / 10,
        scaled_residual=np.array([residual, 0.0]),
        sweep_log=SweepLog(np.zeros((2, 0)), *np.zeros((2, 2, 0), int), np.zeros((2, 0))),
    )
    return Segment(np.full((2, 5, 1), position), {}, None, report)


@pytest.mark.parametrize("bad", [segment(2.0), segment(np.nan), segment(0.5, position=np.nan)])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_bad_segment_anywhere_is_enough(bad, place):
    segments = [segment(0.5), segment(0.9)]
    segments.insert(place, bad)
    evidence = Evidence.none(2)
    for each in segments:
        evidence = evidence.add(each)
    assert evidence.outcome[0] >= Outcome.BUDGET_SPENT
    is_finite = np.isfinite(bad.positions).all()
    assert (evidence.outcome[0] == Outcome.NOT_FINITE) == (not is_finite)
    assert (
        np.isinf(evidence.residual[0]) == np.isinf(evidence.scaled_residual[0]) == (not is_finite)
    )


def test_counts_add_up_and_the_largest_residual_stays():
    evidence = Evidence.none(2).add(segment(0.5)).add(segment(0.9)).add(segment(0.1))
    assert evidence.n_steps == 15
    assert evidence.sweeps.tolist() == [9, 12]
    assert evidence.sequential_steps.tolist() == [12, 15]
    assert evidence.evaluations.tolist() == [15, 18]
    assert evidence.calls.tolist() == [18, 21]
    assert evidence.products.tolist() == [21, 24]
    assert evidence.scaled_residual.tolist() == [0.9, 0.0]
    assert evidence.residual[0] == pytest.approx(0.09)
    assert evidence.outcome.tolist() == [Outcome.FINISHED_WITH_SEQUENTIAL_STEPS] * 2
    assert len(evidence.sweep_log) == 3
