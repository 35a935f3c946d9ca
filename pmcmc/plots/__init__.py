"""Pictures of draws and of how they were found.

Each function draws on axes of matplotlib, new ones unless they are given, and returns them. Colors
are told apart by color-blind eyes and stand out on light and on dark ground.
"""

from pmcmc.plots._draws import iterates as iterates
from pmcmc.plots._draws import rank as rank
from pmcmc.plots._draws import trace as trace
from pmcmc.plots._sweeps import scaling as scaling
from pmcmc.plots._sweeps import seconds as seconds
from pmcmc.plots._sweeps import sweeps as sweeps
