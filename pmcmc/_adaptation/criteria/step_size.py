"""The step size: a coarse search, then dual averaging."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from pmcmc._adaptation.criteria.base import (
    Acts,
    Choices,
    Context,
    Criterion,
    Final,
    Window,
    with_tuned,
)
from pmcmc._adaptation.dual_averaging import DualAveraging
from pmcmc._chain.starts import scale_hint
from pmcmc._util.checks import check_above, check_share, short
from pmcmc.kernels import Kernel

_PROBE_STEPS = 5
_MAX_PROBES = 100


@dataclass(frozen=True)
class StepSize(Criterion):
    """A step size with acceptance rate `target`."""

    target: float

    tunes = "step_size"
    acts = Acts.AFTER_WINDOWS

    @classmethod
    def of(cls, kernel: Kernel, dim: int, choices: Choices) -> "StepSize | None":
        target = choices.target_acceptance_rate
        if target is None:
            target = kernel.acceptance_rate_to_aim_at(dim)
            return None if target is None else cls(target)
        example = "target_acceptance_rate=0.8"
        check_above("target_acceptance_rate", target, 0.0, "a number between 0 and 1", example)
        check_share("target_acceptance_rate", target, example)
        if kernel.target_acceptance_rate is None:
            raise ValueError(
                f"target_acceptance_rate must be None for {type(kernel).__name__}, which has no "
                f"step size to tune, got {short(target)}: write target_acceptance_rate=None."
            )
        return cls(target)

    def init(self, kernel: Kernel, context: Context) -> tuple[DualAveraging, Kernel]:
        """Search for a step size that is roughly right.

        Raises:
            ValueError: no step size reaches the target at the start.
        """

        def is_too_small(step_size: float) -> bool:
            trial = with_step_size(kernel, step_size)
            return context.acceptance_rate(trial, _PROBE_STEPS) > target

        target = self.target
        found = reasonable_step_size(_step_size(kernel), is_too_small)
        if found is None:  # some of these few steps may be rejected at any step size
            target /= 2
            found = reasonable_step_size(_step_size(kernel), is_too_small)
        if found is not None:
            kernel = with_step_size(kernel, found)
        elif context.is_start:
            raise ValueError(
                f"the acceptance rate at x0 does not cross {self.target} for any step size near "
                f"{_step_size(kernel):.1g}, so none can be tuned: check that the log density can "
                "be normalized and is smooth at x0, or write "
                f"kernel=pmcmc.{type(kernel).__name__}(step_size=...) with n_warmup=0."
                f"{scale_hint(context.positions)}"
            )
        return self._begun(kernel), kernel

    def update(
        self, state: DualAveraging, kernel: Kernel, window: Window
    ) -> tuple[DualAveraging, Kernel]:
        state = state.update(window.acceptance_rate)
        return state, with_step_size(kernel, math.exp(state.log_step_size))

    def final(self, state: DualAveraging, kernel: Kernel, context: Context) -> Final:
        kernel = with_step_size(kernel, math.exp(state.averaged_log_step_size))
        return Final(self._begun(kernel), kernel)

    def _begun(self, kernel: Kernel) -> DualAveraging:
        return DualAveraging.start(_step_size(kernel), self.target)


def _step_size(kernel: Kernel) -> float:
    return float(kernel.tunable("step_size"))


def with_step_size(kernel: Kernel, step_size: float) -> Kernel:
    """The kernel with another step size, rounded to three digits.

    Three digits are enough. Rounding also keeps the solver's residuals, which affect acceptance
    rates, out of the step size, except with a probability of about residual / 1e-3 per window,
    which is negligible in float64.
    """
    return with_tuned(kernel, step_size=float(f"{step_size:.3g}"))


def reasonable_step_size(step_size: float, is_too_small: Callable[[float], bool]) -> float | None:
    """Double or halve the step size until the acceptance rate crosses its target.

    Args:
        step_size: where the search starts.
        is_too_small: whether the acceptance rate at a step size is above the target.

    Returns:
        The first step size on the other side; `None` if there is none.
    """
    grows = is_too_small(step_size)
    for _ in range(_MAX_PROBES):
        step_size *= 2.0 if grows else 0.5
        if is_too_small(step_size) != grows:
            return step_size
    return None
