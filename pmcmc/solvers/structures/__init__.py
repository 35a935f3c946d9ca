"""Structures of the matrix that stands in for the Jacobian of a step, one a file."""

from pmcmc.solvers.structures.base import Structure as Structure
from pmcmc.solvers.structures.constant import Constant as Constant
from pmcmc.solvers.structures.dense import Dense as Dense
from pmcmc.solvers.structures.diagonal import Diagonal as Diagonal
from pmcmc.solvers.structures.diagonal_blocks import DiagonalBlocks as DiagonalBlocks
from pmcmc.solvers.structures.differences import Differences as Differences
from pmcmc.solvers.structures.given_diagonal import GivenDiagonal as GivenDiagonal
from pmcmc.solvers.structures.lagged import Lagged as Lagged
from pmcmc.solvers.structures.scaled_identity import ScaledIdentity as ScaledIdentity
