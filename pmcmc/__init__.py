"""Markov chain Monte Carlo, parallel in time.

A transition whose noise is drawn in advance is a deterministic map, so a chain is a recursion.
`sample` evaluates it in parallel over the length of the chain, or in a loop, and returns the same
chain as a loop, to a stated tolerance.
"""

from pmcmc import diagnostics as diagnostics
from pmcmc import kernels as kernels
from pmcmc import plots as plots
from pmcmc import solvers as solvers
from pmcmc import surrogates as surrogates
from pmcmc import targets as targets
from pmcmc._burn_in import BurnIn as BurnIn
from pmcmc._burn_in import burn_in as burn_in
from pmcmc._chain.chain_method import ChainMethod as ChainMethod
from pmcmc._chain.moments import Moments as Moments
from pmcmc._external.density import external as external
from pmcmc._plan import plan as plan
from pmcmc._planning.choice import Plan as Plan
from pmcmc._result import Result as Result
from pmcmc._resume import resume as resume
from pmcmc._run_info import RunInfo as RunInfo
from pmcmc._sample import sample as sample
from pmcmc._solve import Solution as Solution
from pmcmc._solve import solve as solve
from pmcmc._version import __version__ as __version__
from pmcmc._warmup import Warmup as Warmup
from pmcmc._warmup import warmup as warmup
from pmcmc.kernels import HMC as HMC
from pmcmc.kernels import MALA as MALA
from pmcmc.kernels import Barker as Barker
from pmcmc.kernels import CustomKernel as CustomKernel
from pmcmc.kernels import Langevin as Langevin
from pmcmc.kernels import MetropolisHastings as MetropolisHastings
from pmcmc.kernels import RandomWalkMetropolis as RandomWalkMetropolis
from pmcmc.kernels import SurrogateHMC as SurrogateHMC
from pmcmc.solvers import Auto as Auto
from pmcmc.solvers import ParallelNewton as ParallelNewton
from pmcmc.solvers import Sequential as Sequential
from pmcmc.solvers import Speculative as Speculative
