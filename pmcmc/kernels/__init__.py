"""Transitions as maps over pre-drawn noise, one algorithm a file."""

from pmcmc.kernels.base import Kernel as Kernel
from pmcmc.kernels.mala import MALA as MALA
from pmcmc.kernels.mala import MALAInfo as MALAInfo
from pmcmc.kernels.mala import MALANoise as MALANoise
from pmcmc.kernels.mala import MALAState as MALAState
