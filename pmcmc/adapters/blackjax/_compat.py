"""All that is read of BlackJAX beyond its documentation: what a new release may break is here."""

from typing import Any

import blackjax

CHECKED = ("1.2.0", "1.3", "1.5", "1.7.1")


def _unknown(reason: Any) -> str:
    return (
        f"pmcmc.adapters.blackjax does not support BlackJAX {blackjax.__version__} ({reason}): pip "
        f"install 'blackjax=={CHECKED[-1]}'."
    )


try:
    from blackjax.mcmc.elliptical_slice import EllipSliceState
except ImportError as error:
    raise ImportError(_unknown(error)) from error

# What states call these functions of the position, which a step starts from.
LOGDENSITY, GRADIENT = "logdensity", "logdensity_grad"


def fields_of(state: Any) -> tuple[str, ...]:
    """Names of the fields of a state; none if it is no named tuple."""
    return getattr(state, "_fields", ())


def is_slice_state(state: Any) -> bool:
    """Whether it is a state of elliptical slice sampling, which looks like one of a random walk."""
    return isinstance(state, EllipSliceState)
