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
    """Record of a run; arrays have one entry a chain.

    Args:
        kernel: with the hyperparameters that made the draws.
        solver: with everything resolved, basis included.
        device: that ran it.
        dtype: of the positions.
        n_steps: transitions of each chain after the warm-up.
        thin: every `thin`-th of them was kept.
        rng_key: data of the key of their noise (`jax.random.key_data`).
        rng_key_impl: implementation of that key (`jax.random.key_impl`); the same data are another
            noise with another one.
        sweeps: parallel sweeps taken; 0 for the loop.
        work_per_step: evaluations of the transition per step of the chain: 1 for the loop.
        logdensity_evaluations: of the log density. A sweep starts from bare states, so that a step
            that needs one evaluation in the loop takes two there.
        gradient_evaluations: how many of them came with the gradient.
        jacobian_products: derivatives of a step in a direction, by sweeps; each costs about as much
            as differentiating its evaluations once more.
        sequential_steps: steps taken one at a time.
        residual: largest `|s_t - f_t(s_{t-1})|` over all steps and coordinates, where `f_t` is the
            transition with the noise of step `t`; 0 for the loop, infinite where the chain is.
        scaled_residual: the same in units of the tolerance, at most 1 if converged.
        atol, rtol: residuals are at most `atol + rtol * |s_t|` in every coordinate, less where the
            chain moves by little (see `ParallelNewton`); 0 for the loop.
        outcome: how the solver ended for each chain, warm-up included; an outcome names its `cause`
            and `remedy`.
        sweep_log: residual and finished steps per sweep, one `SweepLog` a segment of the chain.
        warmup: record of the warm-up, `None` where there was none.
        chain_method: how the chains were laid out (a `ChainMethod`), and how long a step took in
            each layout that was tried.
        gradient_mode: how the gradient of the log density was taken, `"reverse"` or `"forward"`;
            `None` where the kernel takes none.
        gradient_seconds: of a gradient by mode, as timed for as many chains as are in one program
            (one where each has a thread); empty where `"auto"` had nothing to time.
        plan: what `solver="auto"` decided and from which figures, `None` for other solvers.
        seconds_compile: tracing and compiling, about 0 when everything was compiled before.
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
        """Whether every step of a chain, of the warm-up too, is finite and within tolerance."""
        return np.array(self.outcome) <= Outcome.FINISHED_WITH_SEQUENTIAL_STEPS

    def attributes(self) -> dict[str, Any]:
        """What ArviZ keeps beside the draws: numbers, strings and arrays."""
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
