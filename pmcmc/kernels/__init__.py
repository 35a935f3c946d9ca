"""Transitions as maps over pre-drawn noise, one algorithm per file."""

from pmcmc.kernels.barker import Barker as Barker
from pmcmc.kernels.barker import BarkerNoise as BarkerNoise
from pmcmc.kernels.base import GradientState as GradientState
from pmcmc.kernels.base import Kernel as Kernel
from pmcmc.kernels.base import Parts as Parts
from pmcmc.kernels.base import State as State
from pmcmc.kernels.base import value_and_grad as value_and_grad
from pmcmc.kernels.custom import CustomKernel as CustomKernel
from pmcmc.kernels.hmc import HMC as HMC
from pmcmc.kernels.hmc import HMCInfo as HMCInfo
from pmcmc.kernels.hmc import HMCNoise as HMCNoise
from pmcmc.kernels.langevin import Langevin as Langevin
from pmcmc.kernels.langevin import LangevinNoise as LangevinNoise
from pmcmc.kernels.leapfrog import PhasePoint as PhasePoint
from pmcmc.kernels.mala import MALA as MALA
from pmcmc.kernels.mala import MALANoise as MALANoise
from pmcmc.kernels.metropolis import Info as Info
from pmcmc.kernels.metropolis import MetropolisKernel as MetropolisKernel
from pmcmc.kernels.metropolis_hastings import MetropolisHastings as MetropolisHastings
from pmcmc.kernels.metropolis_hastings import MetropolisHastingsNoise as MetropolisHastingsNoise
from pmcmc.kernels.proposal import ProposalKernel as ProposalKernel
from pmcmc.kernels.random_walk import RandomWalkMetropolis as RandomWalkMetropolis
from pmcmc.kernels.random_walk import RandomWalkNoise as RandomWalkNoise
from pmcmc.kernels.surrogate_hmc import SurrogateHMC as SurrogateHMC
from pmcmc.kernels.surrogate_hmc import SurrogateHMCNoise as SurrogateHMCNoise
