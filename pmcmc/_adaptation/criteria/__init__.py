"""What a warm-up can tune, one criterion per file."""

from pmcmc._adaptation.criteria.base import Choices, Criterion, check_tunables
from pmcmc._adaptation.criteria.metric import Metric
from pmcmc._adaptation.criteria.step_size import StepSize
from pmcmc.kernels import Kernel

# In the order in which they run.
CRITERIA: tuple[type[Criterion], ...] = (StepSize, Metric)


def criteria_of(kernel: Kernel, dim: int, choices: Choices) -> tuple[Criterion, ...]:
    """The criteria for a kernel; none if it has no step size to tune.

    Args:
        kernel: for flat positions.
        dim: numbers in a position.
        choices: as users wrote them.

    Raises:
        ValueError: the kernel has no such parameters, or a choice is out of range.
    """
    check_tunables(kernel)
    found = [criterion.of(kernel, dim, choices) for criterion in CRITERIA]
    return tuple(criterion for criterion in found if criterion is not None)
