"""Newton and quasi-Newton methods, parallel in time."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._util.checks import (
    check_invertible,
    check_part,
    is_among,
    is_concrete,
    short,
    store_count,
)
from pmcmc.solvers.base import Solver, Trajectories
from pmcmc.solvers.driver import Budget, drive
from pmcmc.solvers.newton.acceleration import Acceleration
from pmcmc.solvers.newton.coordinates import Coordinates
from pmcmc.solvers.newton.damping import Clip, Damping
from pmcmc.solvers.newton.guesses import IterateGuess, TrajectoryGuess
from pmcmc.solvers.newton.structures import Diagonal, Structure
from pmcmc.solvers.newton.sweep import NewtonMethod
from pmcmc.solvers.recursion import Recursion
from pmcmc.solvers.setting import Setting
from pmcmc.solvers.stopping import Stopping
from pmcmc.solvers.tolerance import check_tolerances, with_defaults

_CPU_WINDOW = 64  # least arithmetic
_ACCELERATOR_WINDOW = 512  # fewest sweeps
_WINDOWS_PER_SEGMENT = 16  # the window drains at the end of a segment: costs a few percent


class ParallelNewton(Solver, static=("window", "fallback", "n_logged_sweeps"), kw_only=True):
    """Evaluate a window of steps at once, sweep by sweep, until they solve the recursion.

    A sweep evaluates `f_t(s_{t-1})` for all steps of the window and solves the recursion with every
    `f_t` replaced by its linearization, by a parallel scan. States become exact from left to right,
    whatever the linearization; a step counts as finished only when it and all steps before it
    satisfy `|s_t - f_t(s_{t-1})| <= atol + rtol * |s_t|` in every coordinate. In the chain of a
    kernel, if the typical step in a coordinate is smaller than 1, or than `|s_t|`, the step
    replaces them, down to rounding: a chain on a small scale, or far from the origin, is judged by
    its moves. Sweeps also stay near the chain: iterates farther outside of the box of visited
    states than twice its widths are moved back before they are evaluated.

    Args:
        jacobian: structure of the matrix that stands in for the Jacobian, of `pmcmc.solvers`:
            `Diagonal`, `Dense`, `DiagonalBlocks`, `DenseBlocks`, `Identity` and more.
        acceleration: `Anderson` or `Broyden` of `pmcmc.solvers`, which combine the results of
            several sweeps; `None` to use each sweep as it is.
        damping: what keeps the linear recurrence stable: `Clip`, `Scale`, `ELK`, or `None`.
        basis: invertible matrix, shape `(D, D)`, in whose coordinates `y`, `s = basis @ y`, the
            Jacobian is nearly diagonal (for `DiagonalBlocks` of half that size: the second half is
            a momentum); `"hessian"`, in `sample`, for one that makes the metric of the kernel and
            the Hessian of the log density at its mode diagonal; `"jacobian"` for the eigenvectors
            of the Jacobian, symmetrized and averaged over the first 64 steps of a loop; `None` for
            the coordinates of the state; `"auto"` for `"hessian"` if it helps the structure, the
            kernel uses gradients, and there is a log density of at most 1,000 coordinates,
            otherwise `None`.
        guess: first guess of the states of steps that enter the window, of `pmcmc.solvers`:
            `IterateGuess`, `ConstantGuess`, `LastStateGuess`, `JacobiGuess`, `RandomGuess`,
            `SurrogateGuess` or `TrajectoryGuess`; an array is a `TrajectoryGuess`.
        window: number of steps in a sweep; `"auto"` for 64 on a CPU and 512 elsewhere, times the
            number of devices that share it, or fewer if the matrices would not fit. It changes
            speed and memory, never the chain.
        atol, rtol: tolerances of the residual; `None` for 1e-12 in float64 and 1e-5 in float32.
        max_sweeps: largest number of sweeps for each window's length of steps, including the final
            check; `None` for no limit other than the `window` sweeps that are always enough.
        fallback: what to do with unfinished steps after `max_sweeps`: `"sequential"` takes them one
            at a time; `None` leaves them as they are and marks the result as not converged.
        stopping: `SmallMerit` or `SmallStep` of `pmcmc.solvers`, the stopping rules of the
            literature, for comparisons: sweeps end when the rule is met, and states that are out of
            tolerance then are marked as not converged. `None` to continue until all are within
            tolerance.
        n_logged_sweeps: number of sweeps (of each segment of 16 windows) to record in the trace.

    Raises:
        ValueError: an argument is out of range, or `basis` is not an invertible matrix.
    """

    jacobian: Structure = Diagonal()
    damping: Damping | None = None
    acceleration: Acceleration | None = None
    basis: Any = "auto"
    guess: Any = IterateGuess()
    window: int | str = "auto"
    atol: Any = None
    rtol: Any = None
    max_sweeps: Any = None
    fallback: str | None = "sequential"
    stopping: Stopping | None = None
    n_logged_sweeps: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.basis, str):
            if self.basis not in ("auto", "hessian", "jacobian"):
                raise ValueError(
                    f"basis must be 'auto', 'hessian', 'jacobian', None or an invertible matrix, "
                    f"got {short(self.basis)}: write basis='auto'."
                )
        elif is_concrete(self.basis):
            check_invertible("basis", self.basis)
        if not is_among(self.window, "auto"):
            store_count(self, "window")
        if is_concrete(self.max_sweeps):
            store_count(self, "max_sweeps")
        store_count(self, "n_logged_sweeps", minimum=0)
        if isinstance(self.guess, np.ndarray | jax.Array):
            object.__setattr__(self, "guess", TrajectoryGuess(self.guess))
        check_part("jacobian", self.jacobian, "Diagonal()")
        check_part("guess", self.guess, "RandomGuess()")
        if self.damping is not None:
            check_part("damping", self.damping, "Clip(rho=1.0)")
        if self.acceleration is not None:
            check_part("acceleration", self.acceleration, "Anderson(memory=3)")
        if self.stopping is not None:
            check_part("stopping", self.stopping, "SmallMerit(1e-10)")
        check_tolerances(self.atol, self.rtol)
        if not is_among(self.fallback, "sequential", None):
            raise ValueError(
                f"fallback must be 'sequential' or None, got {short(self.fallback)}: write "
                "fallback='sequential'."
            )

    def run(
        self, recursion: Recursion, s0: jax.Array, inputs: Any, n_steps: int | jax.Array
    ) -> Trajectories:
        n_chains, dim = s0.shape
        length = jax.tree.leaves(inputs)[0].shape[1]
        window = min(self._window(n_chains, dim, s0.dtype.itemsize), length)
        self.jacobian.check(n_chains * window, dim, s0.dtype.itemsize)
        size = dim // self.jacobian.n_parts
        basis = self.basis
        if isinstance(basis, str):
            if basis != "auto":
                raise ValueError(
                    f"basis={basis!r} is found by pmcmc.solve and pmcmc.sample, not by the solver "
                    "itself: write basis=None or an invertible matrix."
                )
            basis = None  # there is no log density here
        if basis is not None and basis.shape != (size, size):
            raise ValueError(
                f"basis must have shape ({size}, {size}) for states of {dim} numbers, got "
                f"{basis.shape}: write basis=None, or 'hessian' where there is a log density."
            )
        self.guess.check(n_chains, length, dim)
        atol, rtol = self.tolerances(s0.dtype)
        method = NewtonMethod(
            structure=self.jacobian,
            damping=self.damping,
            coordinates=Coordinates.of(None if basis is None else jnp.asarray(basis, s0.dtype)),
            guess=self.guess,
            acceleration=self.acceleration,
            atol=jnp.asarray(atol, s0.dtype),
            rtol=jnp.asarray(rtol, s0.dtype),
            stopping=self.stopping,
        )
        budget = Budget(self.max_sweeps, self.fallback == "sequential", self.n_logged_sweeps)
        return drive(method, budget, recursion, s0, inputs, n_steps, window)

    def prepare(self, setting: Setting) -> "ParallelNewton":
        setting.check(self.jacobian)
        jacobian = self.jacobian.prepared(setting.probes)
        basis = self.basis
        if isinstance(basis, str):
            basis = setting.basis(basis, self.jacobian)
        guess = self.guess.flatten(setting.flatten)
        window, n_devices = self.window, setting.time_devices()
        if n_devices > 1 and is_among(window, "auto"):
            window = n_devices * _default_window()
        return dataclasses.replace(self, jacobian=jacobian, basis=basis, guess=guess, window=window)

    @property
    def per_chain(self) -> Any:
        return self.guess.data

    def calmer(self) -> list[tuple[Solver, str]]:
        window = (self.window if isinstance(self.window, int) else _CPU_WINDOW) // 4
        smaller = ParallelNewton(
            jacobian=self.jacobian, basis=self.basis, window=window, damping=Clip()
        )
        return [(smaller, f"a window of {window}")] if window > 1 else []

    def describe(self) -> str:
        damping = "" if self.damping is None else f", {type(self.damping).__name__}"
        basis = "no basis" if self.basis is None else "in a basis"
        return f"ParallelNewton ({type(self.jacobian).__name__}{damping}, {basis})"

    def tolerances(self, dtype: Any) -> tuple[Any, Any]:
        return with_defaults(self.atol, self.rtol, dtype)

    def segment(self, first_step: int, length: int) -> "ParallelNewton":
        damping = None if self.damping is None else self.damping.segment(first_step, length)
        return dataclasses.replace(
            self, damping=damping, guess=self.guess.segment(first_step, length)
        )

    def for_derivatives(self) -> "ParallelNewton":
        # Guesses and tolerances were meant for the states.
        return dataclasses.replace(
            self,
            jacobian=self.jacobian.for_derivatives(),
            guess=IterateGuess(),
            atol=None,
            rtol=None,
            fallback="sequential",
            stopping=None,
            n_logged_sweeps=0,
        )

    def segment_length(self, n_steps: int, n_chains: int, dim: int, dtype: Any) -> int:
        window = self._window(n_chains, dim, dtype.itemsize)
        # One program for all lengths, unless a large window was asked for to hold all of a chain.
        is_whole_chain = _default_window() < window and n_steps <= window
        return n_steps if is_whole_chain else _WINDOWS_PER_SEGMENT * window

    def _window(self, n_chains: int, dim: int, itemsize: int) -> int:
        if isinstance(self.window, int):
            return self.window
        most = self.jacobian.max_states(dim, itemsize)
        default = _default_window()
        return default if most is None else min(default, max(1, most // n_chains))


def _default_window() -> int:
    return _CPU_WINDOW if jax.default_backend() == "cpu" else _ACCELERATOR_WINDOW
