"""Everything undocumented that we read from BlackJAX, which a new release may break."""

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

# Names, in states, of the functions of the position that a step starts from.
LOGDENSITY, GRADIENT = "logdensity", "logdensity_grad"


def fields_of(state: Any) -> tuple[str, ...]:
    """Names of the fields of a state; none if it is not a named tuple."""
    return getattr(state, "_fields", ())


def is_slice_state(state: Any) -> bool:
    """Whether a state is from elliptical slice sampling; it looks like that of a random walk."""
    return isinstance(state, EllipSliceState)
