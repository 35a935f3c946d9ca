"""Newton and quasi-Newton methods, parallel in time."""

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._checks import check_count, check_orthogonal, check_positive, is_concrete
from pmcmc.solvers.base import Recursion, Solver, Trajectories
from pmcmc.solvers.coordinates import Coordinates
from pmcmc.solvers.damping import Clip
from pmcmc.solvers.driver import Method, drive
from pmcmc.solvers.structures import Diagonal, Structure

_CPU_WINDOW = 64  # least arithmetic
_ACCELERATOR_WINDOW = 512  # fewest sweeps
_WINDOWS_PER_SEGMENT = 16  # the end of a segment drains the window: at most a few per cent


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["jacobian", "damping", "basis", "atol", "rtol", "max_sweeps"],
    meta_fields=["window", "fallback", "trace_sweeps"],
)
@dataclass(frozen=True, kw_only=True, eq=False)
class ParallelNewton(Solver):
    """Evaluate a window of steps at once, sweep by sweep, until they solve the recursion.

    A sweep evaluates `f_t(s_{t-1})` for all steps of the window and solves the recursion with
    every `f_t` replaced by its linearisation, by a parallel scan. States become exact from left to
    right, whatever the linearisation; a step counts as finished only when it and all steps before
    it satisfy `|s_t - f_t(s_{t-1})| <= atol + rtol * |s_t|` in every coordinate. Where the typical
    step of the chain in a coordinate is smaller than 1, or than `|s_t|`, it takes their place,
    down to rounding: a chain on a small scale, or far from the origin, is judged by its moves.

    Args:
        jacobian: structure of the matrix that stands in for the Jacobian.
        damping: what keeps the linear recurrence stable.
        basis: orthogonal matrix, shape `(D, D)`, in whose coordinates `y = basis.T @ s` the
            Jacobian is nearly diagonal; `"hessian"` for the eigenvectors of the Hessian of the log
            density at its mode; `None` for the coordinates of the state; `"auto"` for
            `"hessian"` where there is a log density of at most 1,000 coordinates and `None`
            elsewhere.
        window: number of steps in a sweep; `None` for 64 on a CPU and 512 elsewhere. It
            changes speed and memory, never the chain.
        atol, rtol: tolerances of the residual; `None` for 1e-12 in float64 and 1e-5 in float32.
        max_sweeps: sweeps that may be spent on each window's length of steps, the last one being
            a check; `None` for no limit other than the `window` sweeps that always suffice.
        fallback: what happens to steps left when `max_sweeps` are spent: `"sequential"` takes
            them one at a time; `None` leaves them as they are, and the result is marked as not
            converged.
        trace_sweeps: number of sweeps (of each segment of 16 windows) to record in the trace.

    Raises:
        ValueError: an argument is out of range, or `basis` is not an orthogonal matrix.
    """

    jacobian: Structure = Diagonal()
    damping: Clip = Clip()
    basis: Any = "auto"
    window: int | None = None
    atol: Any = None
    rtol: Any = None
    max_sweeps: Any = None
    fallback: str | None = "sequential"
    trace_sweeps: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.basis, str):
            if self.basis not in ("auto", "hessian"):
                raise ValueError(
                    f"basis must be 'auto', 'hessian', None or an orthogonal matrix, got "
                    f"{self.basis!r}: write basis='hessian'."
                )
        elif is_concrete(self.basis):
            check_orthogonal("basis", self.basis)
        if self.window is not None:
            check_count("window", self.window)
        if is_concrete(self.max_sweeps):
            check_count("max_sweeps", self.max_sweeps)
        check_count("trace_sweeps", self.trace_sweeps, minimum=0)
        for name, example in {"jacobian": "Diagonal()", "damping": "Clip(rho=1.0)"}.items():
            if is_concrete(getattr(self, name)):
                raise ValueError(
                    f"{name} must be an instance such as pmcmc.solvers.{example}, got "
                    f"{getattr(self, name)!r}: write {name}=pmcmc.solvers.{example}."
                )
        for name in ("atol", "rtol"):
            tolerance = getattr(self, name)
            if tolerance is not None:
                check_positive(name, tolerance, f"{name}=1e-6")
        if is_concrete(self.rtol) and not self.rtol < 1:
            raise ValueError(f"rtol must be below 1, got {self.rtol!r}: write rtol=1e-6.")
        if self.fallback not in ("sequential", None):
            raise ValueError(
                f"fallback must be 'sequential' or None, got {self.fallback!r}: write "
                "fallback='sequential'."
            )

    def run(
        self, recursion: Recursion, s0: jax.Array, inputs: Any, n_steps: int | jax.Array
    ) -> Trajectories:
        dim = s0.shape[1]
        if self.basis is not None and self.basis.shape != (dim, dim):
            raise ValueError(
                f"basis must have shape ({dim}, {dim}) for states of {dim} numbers, got "
                f"{self.basis.shape}: write basis=None, or 'hessian' where there is a log density."
            )
        atol, rtol = self.tolerances(s0.dtype)
        method = Method(
            structure=self.jacobian,
            damping=self.damping,
            coordinates=Coordinates(
                None if self.basis is None else jnp.asarray(self.basis, s0.dtype)
            ),
            atol=jnp.asarray(atol, s0.dtype),
            rtol=jnp.asarray(rtol, s0.dtype),
            max_sweeps=self.max_sweeps,
            is_completed=self.fallback == "sequential",
            n_traced=self.trace_sweeps,
        )
        length = jax.tree.leaves(inputs)[0].shape[1]
        window = min(self.window or _default_window(), length)
        return drive(method, recursion, s0, inputs, n_steps, window)

    def tolerances(self, dtype: Any) -> tuple[Any, Any]:
        default = 1e-12 if dtype == np.float64 else 1e-5
        atol = default if self.atol is None else self.atol
        rtol = default if self.rtol is None else self.rtol
        return atol, rtol

    def segment_length(self, n_steps: int, state_size: int) -> int:
        window = self.window or _default_window()
        # One program for all lengths, unless a large window was asked for to hold all of a chain.
        is_whole_chain = _default_window() < window and n_steps <= window
        return n_steps if is_whole_chain else _WINDOWS_PER_SEGMENT * window


def _default_window() -> int:
    return _CPU_WINDOW if jax.default_backend() == "cpu" else _ACCELERATOR_WINDOW
