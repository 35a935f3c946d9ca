"""Structures of the matrix that stands in for the Jacobian of a step, one a file."""

from pmcmc.solvers.newton.structures.base import Structure as Structure
from pmcmc.solvers.newton.structures.constant import Constant as Constant
from pmcmc.solvers.newton.structures.dense import Dense as Dense
from pmcmc.solvers.newton.structures.dense_blocks import DenseBlocks as DenseBlocks
from pmcmc.solvers.newton.structures.diagonal import Diagonal as Diagonal
from pmcmc.solvers.newton.structures.diagonal_blocks import DiagonalBlocks as DiagonalBlocks
from pmcmc.solvers.newton.structures.differences import Differences as Differences
from pmcmc.solvers.newton.structures.given_diagonal import GivenDiagonal as GivenDiagonal
from pmcmc.solvers.newton.structures.identity import Identity as Identity
from pmcmc.solvers.newton.structures.identity import Zero as Zero
from pmcmc.solvers.newton.structures.lagged import Lagged as Lagged
from pmcmc.solvers.newton.structures.permutation import Permutation as Permutation
from pmcmc.solvers.newton.structures.scaled_identity import ScaledIdentity as ScaledIdentity
