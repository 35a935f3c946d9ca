"""What both libraries ask of a burn-in that they go on from."""

from typing import Any

from pmcmc._burn_in import BurnIn


def check_ready(ready: Any) -> None:
    """Raise unless `ready` is the result of a burn-in."""
    if not isinstance(ready, BurnIn):
        raise ValueError(
            f"ready must be the result of a burn-in, got {type(ready).__name__}: write "
            "ready=pmcmc.burn_in(logdensity, x0)."
        )
