"""Dual averaging: stochastic root finding for the step size."""

import dataclasses
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class DualAveraging:
    """Stochastic root finding for the logarithm of the step size (Nesterov, 2009).

    Args:
        target: acceptance rate to aim at.
        shrink_towards: logarithm of the step size that the search is drawn to.
        log_step_size: the next one to try.
        averaged_log_step_size: the result so far.
        mean_error: mean error of the rates so far.
        count: number of updates.
    """

    target: float
    shrink_towards: float
    log_step_size: float
    averaged_log_step_size: float
    mean_error: float
    count: int

    @classmethod
    def start(cls, step_size: float, target: float) -> "DualAveraging":
        """The state before the first update."""
        log_step_size = math.log(step_size)
        return cls(target, log_step_size, log_step_size, log_step_size, 0.0, 0)

    def update(self, acceptance_rate: float) -> "DualAveraging":
        """The state after one more window with this mean acceptance rate."""
        # Section 3.2.1 of Hoffman & Gelman (2014), except for gamma. Their 0.05 is for single
        # steps. Mean rates of whole windows fall steeply, and step sizes would oscillate.
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
