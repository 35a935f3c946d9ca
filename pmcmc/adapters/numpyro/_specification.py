"""NumPyro's HMC and NUTS as specifications of our kernels."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from numpyro.infer import HMC, NUTS, init_to_uniform

from pmcmc import kernels
from pmcmc._util.callers import warn_user
from pmcmc.adapters.numpyro._compat import is_euclidean, is_forward_mode, trajectory_of
from pmcmc.adapters.numpyro._state import Adapted

# A quarter of the period of a standard normal; the adapted metric makes the target similar.
_NUTS_LENGTH = math.pi / 2
_NUTS_JITTER = 0.5

_HMC = "numpyro.infer.HMC(model, num_steps=10, trajectory_length=None)"
_SUMMED_OUT = f"{_HMC}, which sums out discrete sites with finitely many values, with funsor"
_JOINT = "which draws sites in turn, whereas our kernels move all continuous ones at once", _HMC
_ENSEMBLE = "whose chains depend on each other, whereas ours are independent", _HMC
# Why our kernels cannot replace the steps of a sampler, and what to write instead.
_OTHERS = {
    "BarkerMH": (
        "whose warm-up and preconditioner do not carry over",
        "ModelKernel(model, 'barker'), which tunes our Barker kernel",
    ),
    "SA": (
        "whose proposals depend on its whole history, not on one state",
        "ModelKernel(model, 'random_walk')",
    ),
    "HMCECS": (
        "which sees a different part of the data in every step",
        f"{_HMC}, and numpyro.plate(...) without subsample_size",
    ),
    "DiscreteHMCGibbs": ("which moves discrete sites", _SUMMED_OUT),
    "DiscreteGibbs": ("which moves discrete sites", _SUMMED_OUT),
    "MixedHMC": ("which moves discrete sites", _SUMMED_OUT),
    "HMCGibbs": _JOINT,
    "Gibbs": _JOINT,
    "CustomGibbs": _JOINT,
    "ESS": _ENSEMBLE,
    "AIES": _ENSEMBLE,
}


class ModelKernel(NamedTuple):
    """One of our kernels for a NumPyro model, to replace `numpyro.infer.HMC(model)`.

    Args:
        model: a model with continuous latent sites.
        kernel: as in `pmcmc.sample`: `"mala"`, `"hmc"`, ... are tuned in the warm-up.
        init_strategy: one of `numpyro.infer.initialization`.
    """

    model: Callable[..., Any]
    kernel: kernels.Kernel | str = "mala"
    init_strategy: Any = init_to_uniform


def check_sampler(sampler: Any) -> None:
    """Check that a sampler can be run by our kernels.

    Warns:
        UserWarning: a setting has no counterpart; the message says what is done instead.

    Raises:
        ValueError: it cannot.
    """
    if isinstance(sampler, ModelKernel):
        return
    if type(sampler) not in (HMC, NUTS):
        reason, remedy = _why_not(sampler)
        raise ValueError(
            "sampler must be a numpyro.infer.HMC or NUTS, or ModelKernel(model, kernel), got "
            f"{type(sampler).__name__}, {reason}: write {remedy}, or run it with "
            "numpyro.infer.MCMC."
        )
    if not is_euclidean(sampler):
        raise ValueError(
            "kinetic_fn of HMC must be the Euclidean one, got another function: leave it out and "
            "give inverse_mass_matrix."
        )
    if is_forward_mode(sampler):
        warn_user(
            "forward_mode_differentiation=True is used in NumPyro's warm-up only: our chains take "
            "gradients in reverse mode."
        )
    if type(sampler) is NUTS:
        warn_user(
            "max_tree_depth of NUTS does not carry over: after its own warm-up, trajectories have "
            f"lengths of {1 - _NUTS_JITTER} to {1 + _NUTS_JITTER} times pi/2 in the metric that it "
            "found, like those of pmcmc.HMC with jitter. To choose the length write "
            "numpyro.infer.HMC(model, num_steps=10, trajectory_length=None)."
        )


def _why_not(sampler: Any) -> tuple[str, str]:
    name = type(sampler).__name__
    if name in _OTHERS:
        return _OTHERS[name]
    if isinstance(sampler, HMC):
        return "a subclass of HMC, whose own steps would be ignored", _HMC
    return "whose steps we do not know", _HMC


def kernel_of(sampler: HMC, adapted: Adapted) -> kernels.HMC:
    """Our HMC with the settings of NumPyro's HMC and the results of its warm-up."""
    if type(sampler) is NUTS:
        return adapted.hmc(math.ceil(_NUTS_LENGTH / adapted.step_size), _NUTS_JITTER)
    length, n_steps = trajectory_of(sampler)
    if n_steps is None:
        n_steps = math.ceil(length / adapted.step_size)
    if length is not None:  # NumPyro keeps the length, not the step size
        adapted = adapted._replace(step_size=length / n_steps)
    return adapted.hmc(int(n_steps))
