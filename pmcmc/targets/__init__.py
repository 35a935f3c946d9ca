"""Log densities with their data, for examples, tests and benchmarks."""

from pmcmc.targets.base import Reference as Reference
from pmcmc.targets.base import Target as Target
from pmcmc.targets.logistic_regression import logistic_regression as logistic_regression
