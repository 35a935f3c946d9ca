"""Each criterion finds what it tunes, from planted windows. A criterion is one row here."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._adaptation.criteria import CRITERIA, criteria_of
from pmcmc._adaptation.criteria.base import Choices, Context, Window
from pmcmc._adaptation.criteria.metric import Metric
from pmcmc._adaptation.criteria.step_size import StepSize

COVARIANCE = np.array([[4.0, 1.2], [1.2, 0.5]])


def rate_of(kernel):
    """Acceptance falls with the step size: it is 1/2 at 0.3."""
    return 2.0 ** (-float(kernel.step_size) / 0.3)


class Runner:
    logdensity = None

    def probe(self, kernel, positions, rng_key, n_steps):
        return SimpleNamespace(stats={"acceptance_rate": np.full((2, n_steps), rate_of(kernel))})


def is_step_size(kernel):
    return abs(kernel.step_size - 0.3) < 0.03


def is_metric(kernel):
    found = np.asarray(kernel.inverse_mass_matrix)
    return np.abs(found / COVARIANCE - 1).max() < 0.15 and kernel.step_size == 1.0


WALK = pmcmc.RandomWalkMetropolis(0.01)

# The criterion, a kernel for it, and whether a kernel has what is to be found.
ROWS = {
    StepSize: (StepSize(0.5), WALK, is_step_size),
    Metric: (Metric("dense"), WALK, is_metric),
}


def test_every_criterion_has_a_row():
    assert {*CRITERIA} == {*ROWS}


@pytest.mark.parametrize("kind", ROWS)
def test_what_is_tuned_is_found(kind):
    criterion, start, is_found = ROWS[kind]
    rng = np.random.default_rng(0)
    context = Context(Runner(), jnp.zeros((2, 2)), None, is_start=True)
    kernel = criterion.prepare(start, dim=2)
    state, kernel = criterion.init(kernel, context)
    for _ in range(30):
        draws = rng.multivariate_normal(np.zeros(2), COVARIANCE, size=(2, 100))
        rows = {"positions": draws, "is_accepted": np.ones((2, 100), bool)}
        state, kernel = criterion.update(state, kernel, Window(1, rate_of(kernel), rows))
    final = criterion.final(state, kernel, context)
    assert is_found(final.kernel)
    assert not is_found(criterion.prepare(start, dim=2))


@pytest.mark.parametrize(
    ("kernel", "tuned"),
    [
        (pmcmc.MALA(0.1), ["step_size", "inverse_mass_matrix"]),
        (pmcmc.MALA(0.1, np.ones(2)), ["step_size"]),  # a metric that was given stays
        (pmcmc.Langevin(0.1), []),
    ],
)
def test_which_criteria_a_kernel_has(kernel, tuned):
    assert [criterion.tunes for criterion in criteria_of(kernel, 2, Choices())] == tuned


class Unnamed(pmcmc.MALA):
    tunables = ("inverse_mass_matrix",)


class Misnamed(pmcmc.MALA):
    tunables = ("step_size", "inverse_mass_matrix", "stepsize")


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (Unnamed(0.1), "must contain 'step_size' where target_acceptance_rate is set.*write"),
        (Misnamed(0.1), "must be names of its fields, got 'stepsize': write"),
    ],
)
def test_tunables_are_checked(kernel, message):
    with pytest.raises(ValueError, match=message):
        criteria_of(kernel, 2, Choices())
