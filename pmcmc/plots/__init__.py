"""Plots of draws and of how they were found.

Each function draws on matplotlib axes, new ones unless you pass some, and returns them. The colors
are safe for color-blind readers and visible on light and dark backgrounds.
"""

from pmcmc.plots._draws import iterates as iterates
from pmcmc.plots._draws import rank as rank
from pmcmc.plots._draws import trace as trace
from pmcmc.plots._sweeps import scaling as scaling
from pmcmc.plots._sweeps import seconds as seconds
from pmcmc.plots._sweeps import sweeps as sweeps
