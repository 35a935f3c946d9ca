"""Samplers, settings and fields that the drop-in `MCMC` has no counterpart for."""

import pytest

pytest.importorskip("numpyro")

from numpyro.infer import (
    AIES,
    ESS,
    HMC,
    HMCECS,
    SA,
    BarkerMH,
    DiscreteHMCGibbs,
    HMCGibbs,
    MixedHMC,
)

from pmcmc.adapters.numpyro import MCMC

from .group_means import DATA, KEY, group_means


class Changed(HMC):
    """Steps that are not those of HMC."""


OTHERS = {
    "SA, whose proposals depend on its whole history.*'random_walk'": SA,
    "BarkerMH, whose warm-up .*: write ModelKernel.model, 'barker'": BarkerMH,
    "ESS, whose chains depend on each other.*: write numpyro.infer.HMC": ESS,
    "AIES, whose chains depend on each other": AIES,
    "HMCGibbs, which draws sites in turn": lambda model: HMCGibbs(HMC(model), lambda *a: {}, ["z"]),
    "DiscreteHMCGibbs, which moves discrete.*with funsor": lambda m: DiscreteHMCGibbs(HMC(m)),
    "MixedHMC, which moves discrete sites": lambda model: MixedHMC(HMC(model)),
    "HMCECS, which sees a different part of the data.*subsample_size": lambda m: HMCECS(HMC(m)),
    "Changed, a subclass of HMC, whose own steps would be ignored": Changed,
    "function, whose steps we do not know: write numpyro.infer.HMC": lambda model: model,
}


@pytest.mark.parametrize("message", OTHERS)
def test_samplers_without_a_counterpart_are_refused(message):
    with pytest.raises(
        ValueError, match=r"numpyro.infer.HMC or NUTS, or ModelKernel.* got " + message
    ):
        MCMC(OTHERS[message](group_means), num_warmup=1, num_samples=1)


def test_settings_without_a_counterpart_are_refused():
    with pytest.raises(ValueError, match="kinetic_fn of HMC must be the Euclidean one"):
        MCMC(HMC(group_means, kinetic_fn=lambda m, r: 0.0), num_warmup=1, num_samples=1)
    with pytest.warns(UserWarning, match="forward_mode_differentiation=True is used in NumPyro's"):
        MCMC(HMC(group_means, forward_mode_differentiation=True), num_warmup=1, num_samples=1)
    with pytest.raises(ValueError, match="num_samples must be a positive integer, got 0"):
        MCMC(HMC(group_means), num_warmup=1, num_samples=0)
    with pytest.raises(ValueError, match="thinning must be at most num_samples=4, got 5"):
        MCMC(HMC(group_means), num_warmup=1, num_samples=4, thinning=5)


def test_fields_that_are_not_known_are_refused():
    mcmc = MCMC(HMC(group_means), num_warmup=1, num_samples=1)
    with pytest.raises(RuntimeError, match=r"there are no draws yet: write mcmc.run"):
        mcmc.get_samples()
    with pytest.raises(ValueError, match=r"extra_fields must be among diverging, .* got 'mass'"):
        mcmc.run(KEY, DATA, extra_fields=("mass",))
