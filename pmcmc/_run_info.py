"""The record of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pmcmc._adaptation.report import WarmupReport
from pmcmc._chain.chain_method import ChainMethod
from pmcmc._planning.choice import Plan
from pmcmc._version import __version__
from pmcmc.kernels import Kernel
from pmcmc.solvers import Outcome, Solver, SweepLog


@dataclass(frozen=True, eq=False)
class RunInfo:
    """Record of a run; arrays have one entry per chain.

    Args:
        kernel: with the hyperparameters used for the draws.
        solver: with everything resolved, including the basis.
        device: the device that ran it.
        dtype: of the positions.
        n_steps: transitions of each chain after the warm-up.
        thin: every `thin`-th of them was kept.
        rng_key: data of the key of the noise (`jax.random.key_data`).
        rng_key_impl: implementation of that key (`jax.random.key_impl`); with another
            implementation, the same data give other noise.
        sweeps: number of parallel sweeps; 0 for the loop.
        work_per_step: evaluations of the transition per step of the chain: 1 for the loop.
        logdensity_evaluations: number of evaluations of the log density. A sweep starts from bare
            states, so a step that needs one evaluation in the loop needs two in a sweep.
        gradient_evaluations: how many of them came with the gradient.
        jacobian_products: number of directional derivatives of a step in sweeps; each costs about
            as much as differentiating its evaluations once more.
        sequential_steps: number of steps taken one at a time.
        residual: largest `|s_t - f_t(s_{t-1})|` over all steps and coordinates, where `f_t` is the
            transition with the noise of step `t`; 0 for the loop, infinite if the chain is.
        scaled_residual: the same in units of the tolerance, at most 1 if converged.
        atol, rtol: residuals are at most `atol + rtol * |s_t|` in every coordinate, less where the
            chain moves only a little (see `ParallelNewton`); 0 for the loop.
        outcome: how the solver ended for each chain, warm-up included; an outcome has a `cause` and
            a `remedy`.
        sweep_log: residual and finished steps per sweep, one `SweepLog` per segment of the chain.
        warmup: record of the warm-up, `None` where there was none.
        chain_method: layout of the chains (a `ChainMethod`), and the time of a step in each layout
            that was tried.
        gradient_mode: how the gradient of the log density was computed, `"reverse"` or `"forward"`;
            `None` if the kernel uses none.
        gradient_seconds: time of a gradient by mode, measured with as many chains as one program
            has (one if each has its own thread); empty if `"auto"` had nothing to time.
        plan: what `solver="auto"` decided, with the figures behind it; `None` for other solvers.
        seconds_compile: tracing and compiling, about 0 if everything was compiled before.
        seconds_setup: finding the basis and checking the start.
        seconds_warmup, seconds_run: running, without compilation.
    """

    kernel: Kernel
    solver: Solver
    device: str
    dtype: np.dtype
    n_steps: int
    thin: int
    rng_key: np.ndarray
    rng_key_impl: str
    sweeps: np.ndarray
    work_per_step: np.ndarray
    logdensity_evaluations: np.ndarray
    gradient_evaluations: np.ndarray
    jacobian_products: np.ndarray
    sequential_steps: np.ndarray
    residual: np.ndarray
    scaled_residual: np.ndarray
    atol: float
    rtol: float
    outcome: list[Outcome]
    sweep_log: list[SweepLog] = field(repr=False)
    warmup: WarmupReport | None = field(repr=False)
    chain_method: ChainMethod
    gradient_mode: str | None
    gradient_seconds: Mapping[str, float]
    plan: Plan | None = field(repr=False)
    seconds_compile: float
    seconds_setup: float
    seconds_warmup: float
    seconds_run: float

    @property
    def converged(self) -> np.ndarray:
        """Whether every step, warm-up included, is finite and within tolerance, per chain."""
        return np.array(self.outcome) <= Outcome.FINISHED_WITH_SEQUENTIAL_STEPS

    def attributes(self) -> dict[str, Any]:
        """Attributes of the draws in ArviZ: numbers, strings and arrays."""
        return {
            "inference_library": "pmcmc",
            "inference_library_version": __version__,
            "sampling_time": self.seconds_run,
            "tuning_steps": 0 if self.warmup is None else int(self.warmup.n_steps.sum()),
            "kernel": str(self.kernel),
            "solver": self.solver.describe(),
            "converged": self.converged.astype(int),
            "outcome": ", ".join(outcome.name for outcome in self.outcome),
            "residual": self.residual,
            "sequential_steps": self.sequential_steps,
        }
