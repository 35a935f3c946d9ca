"""Ways to evaluate a recursion `s_t = f(s_{t-1}, u_t)`; they know maps and arrays only."""

from pmcmc.solvers.auto import Auto as Auto
from pmcmc.solvers.base import Recursion as Recursion
from pmcmc.solvers.base import Solver as Solver
from pmcmc.solvers.base import Trace as Trace
from pmcmc.solvers.base import Trajectories as Trajectories
from pmcmc.solvers.damping import Clip as Clip
from pmcmc.solvers.newton import ParallelNewton as ParallelNewton
from pmcmc.solvers.presets import PRESETS as PRESETS
from pmcmc.solvers.presets import as_solver as as_solver
from pmcmc.solvers.sequential import Sequential as Sequential
from pmcmc.solvers.structures import Diagonal as Diagonal
from pmcmc.solvers.structures import Structure as Structure
