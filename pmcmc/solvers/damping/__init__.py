"""Damping of the linear recurrence of a sweep, one way a file."""

from pmcmc.solvers.damping.base import Damping as Damping
from pmcmc.solvers.damping.clip import Clip as Clip
from pmcmc.solvers.damping.elk import ELK as ELK
from pmcmc.solvers.damping.scale import Scale as Scale
