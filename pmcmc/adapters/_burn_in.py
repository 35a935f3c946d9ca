"""The checks of a burn-in that both libraries share."""

from typing import Any

from pmcmc._burn_in import BurnIn
from pmcmc._util.callers import warn_user


def check_burn_in(burn_in: Any, settings: dict[str, Any]) -> None:
    """Raise unless `burn_in` is the result of a burn-in with a known step size.

    Args:
        burn_in: the argument from the user.
        settings: settings of the sampler from the user.

    Warns:
        UserWarning: the burn-in is not stationary.
    """
    if not isinstance(burn_in, BurnIn):
        raise ValueError(
            f"burn_in must be the result of a burn-in, got {type(burn_in).__name__}: write "
            "burn_in=pmcmc.burn_in(logdensity, x0)."
        )
    if "step_size" not in {**burn_in.parameters, **settings}:
        raise ValueError(
            f"{type(burn_in.kernel).__name__} has no step size for leapfrog steps: write "
            "step_size=0.1, say, or give the kernel a method leapfrog_step_size(dim)."
        )
    if not burn_in.is_stationary:
        warn_user(
            f"the burn-in is not stationary yet (largest R-hat {burn_in.rhat[-1]:.3g}): raise its "
            "max_rounds or n_steps, or give the sampler a warm-up of its own."
        )
