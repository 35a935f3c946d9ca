"""What both libraries ask of a burn-in that they go on from."""

import warnings
from typing import Any

from pmcmc._burn_in import BurnIn


def check_ready(ready: Any, settings: dict[str, Any]) -> None:
    """Raise unless `ready` is the result of a burn-in, and a step size is known.

    Args:
        ready: what a user gave.
        settings: of the sampler, which a user gave too.

    Warns:
        UserWarning: it had not arrived.
    """
    if not isinstance(ready, BurnIn):
        raise ValueError(
            f"ready must be the result of a burn-in, got {type(ready).__name__}: write "
            "ready=pmcmc.burn_in(logdensity, x0)."
        )
    if "step_size" not in {**ready.parameters, **settings}:
        raise ValueError(
            f"{type(ready.kernel).__name__} does not tell the step size of a leapfrog step: write "
            "step_size=0.1, say, or give the kernel a method leapfrog_step_size(dim)."
        )
    if not ready.is_stationary:
        warnings.warn(
            f"the burn-in is not stationary yet (largest R-hat {ready.rhat[-1]:.3g}): raise its "
            "max_rounds or n_steps, or give the sampler a warm-up of its own.",
            stacklevel=3,
        )
