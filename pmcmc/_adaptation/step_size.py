"""Finding a step size: a coarse search, then dual averaging."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_MAX_PROBES = 100


@dataclass(frozen=True)
class DualAveraging:
    """Stochastic root finding for the logarithm of the step size (Nesterov, 2009).

    Args:
        target: acceptance rate to aim at.
        shrink_towards: logarithm of the step size that the search keeps near.
        log_step_size: to try next.
        averaged_log_step_size: the result so far.
        mean_error: of the rates seen.
        count: of updates.
    """

    target: float
    shrink_towards: float
    log_step_size: float
    averaged_log_step_size: float
    mean_error: float
    count: int

    @classmethod
    def start(cls, step_size: float, target: float) -> "DualAveraging":
        """Before the first update."""
        log_step_size = math.log(step_size)
        return cls(target, log_step_size, log_step_size, log_step_size, 0.0, 0)

    def update(self, acceptance_rate: float) -> "DualAveraging":
        """With the mean acceptance rate of one more window taken into account."""
        # Section 3.2.1 of Hoffman & Gelman (2014), but for gamma: their 0.05, for single steps,
        # makes step sizes go to and fro where mean rates of whole windows fall steeply.
        t0, gamma, kappa = 10.0, 0.25, 0.75
        count = self.count + 1
        weight = 1 / (count + t0)
        error = (1 - weight) * self.mean_error + weight * (self.target - acceptance_rate)
        log_step_size = self.shrink_towards - math.sqrt(count) / gamma * error
        weight = count**-kappa
        averaged = weight * log_step_size + (1 - weight) * self.averaged_log_step_size
        return dataclasses.replace(
            self,
            log_step_size=log_step_size,
            averaged_log_step_size=averaged,
            mean_error=error,
            count=count,
        )


def reasonable_step_size(step_size: float, is_too_small: Callable[[float], bool]) -> float | None:
    """Double or halve the step size until the acceptance rate crosses its target.

    Args:
        step_size: where to begin.
        is_too_small: whether a step size is accepted more often than is aimed at.

    Returns:
        The first step size on the other side; `None` where there is none.
    """
    grows = is_too_small(step_size)
    for _ in range(_MAX_PROBES):
        step_size *= 2.0 if grows else 0.5
        if is_too_small(step_size) != grows:
            return step_size
    return None


def with_step_size(kernel: Any, step_size: float) -> Any:
    """The kernel with another step size, of three digits.

    They are enough, and they keep residuals of the solver, which are in the acceptance rates, out
    of the step size, but for a chance of about residual / 1e-3 a window: none in float64.
    """
    return dataclasses.replace(kernel, step_size=float(f"{step_size:.3g}"))


def pooled_rate(rates: np.ndarray) -> float:
    """Harmonic mean over chains, which one stuck chain pulls down and many good ones cannot hide.

    Args:
        rates: acceptance rates, shape `(chain, step)`.
    """
    of_chains = np.maximum(rates.mean(axis=1), 1e-3)
    return float(1 / np.mean(1 / of_chains))
