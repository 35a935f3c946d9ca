"""The demonstration: one model, four ways to sample it."""

from pmcmc._demo.command import main as main
