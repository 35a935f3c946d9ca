"""Damping of the linear recurrence of a sweep, one way a file."""

from pmcmc.solvers.newton.damping.base import Damping as Damping
from pmcmc.solvers.newton.damping.clip import Clip as Clip
from pmcmc.solvers.newton.damping.elk import ELK as ELK
from pmcmc.solvers.newton.damping.scale import Scale as Scale
