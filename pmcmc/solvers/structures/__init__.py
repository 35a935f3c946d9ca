"""Structures of the matrix that stands in for the Jacobian of a step, one a file."""

from pmcmc.solvers.structures.base import Structure as Structure
from pmcmc.solvers.structures.diagonal import Diagonal as Diagonal
