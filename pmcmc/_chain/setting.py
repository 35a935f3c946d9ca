"""The chain of a kernel, for solvers that prepare for it."""

import copy
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from pmcmc._chain.basis import basis_of_hessian, found_hessian, pilot_basis
from pmcmc._chain.checked import check_surrogate
from pmcmc._chain.density import evaluations_at_once
from pmcmc._chain.fitting import Fitting
from pmcmc._chain.mesh import TIME, size
from pmcmc._chain.problem import Problem, with_dtype
from pmcmc._chain.recursion import check_linearizable
from pmcmc._util.checks import is_among
from pmcmc._util.flat import flatten_states
from pmcmc.kernels import Kernel
from pmcmc.solvers.newton.structures import Structure
from pmcmc.solvers.setting import Setting, Sweeps
from pmcmc.surrogates import GaussianSurrogate
from pmcmc.surrogates.fit import MOST_DIM

_MAX_HESSIAN_DIM = 1000
_CPU_ROWS, _ACCELERATOR_ROWS = 32, 512  # rows of a window on each device of a mesh


class ChainSetting(Setting):
    """The chain of a kernel on a log density.

    Whatever does not depend on the metric is computed once, on first use.

    Args:
        problem: what is sampled, and the starts.
        kernel: for flat positions.
        rng_key: of the noise.
        n_steps: length of the chain.
        fitting: of a surrogate, if the solver uses one.
        mesh: devices that the chain is spread over.
    """

    def __init__(
        self,
        problem: Problem,
        kernel: Kernel,
        rng_key: jax.Array,
        n_steps: int,
        fitting: Fitting | None = None,
        mesh: Mesh | None = None,
    ) -> None:
        self._mesh = mesh
        self._problem, self._kernel, self._n_steps = problem, kernel, n_steps
        self._fitting = fitting
        self._rng_key = rng_key
        self._is_of_inner_steps = False
        self._found: dict[str, Any] = {}

    def with_kernel(self, kernel: Kernel) -> "ChainSetting":
        """The same setting with the metric of another kernel."""
        other = copy.copy(self)
        other._kernel = kernel
        return other

    def of_inner_steps(self) -> "ChainSetting":
        other = copy.copy(self)
        other._is_of_inner_steps = self._kernel.inner_steps(self._problem.logdensity) is not None
        return other

    def check(self, structure: Structure) -> None:
        if structure.uses_derivatives and "is_linearizable" not in self._found:
            check_linearizable(self._problem, self._kernel)
            self._found["is_linearizable"] = True

    def flatten(self, states: Any) -> jax.Array:
        problem, n_chains = self._problem, len(self._problem.positions)
        axes = (n_chains, self._n_steps) if problem.has_chain_axis else (self._n_steps,)
        table = flatten_states(states, problem.layout, axes)
        return jnp.reshape(table, (n_chains, self._n_steps, -1))

    def surrogate(self, surrogate: Any) -> Any:
        problem = self._problem
        if problem.logdensity is None or self._kernel.parts() is None:
            raise ValueError(
                "solver='speculative' needs a kernel that proposes, evaluates the log density once "
                f"and decides, which {type(self._kernel).__name__} does not: write "
                "kernel='random_walk', 'mala' or 'barker', or solver='quasi'."
            )
        if is_among(surrogate, "auto"):
            surrogate = self._own_surrogate()
        else:
            surrogate = surrogate.flatten(problem.unravel_one)
        surrogate = with_dtype(surrogate, problem.positions.dtype)
        check_surrogate(surrogate, problem.positions[0])
        return surrogate

    def sweeps_so_far(self) -> Sweeps | None:
        return None if self._fitting is None else self._fitting.sweeps_so_far()

    def time_devices(self) -> int:
        return size(self._mesh, TIME)

    def evaluations_at_once(self) -> int | None:
        if self._mesh is not None:  # no timing: processes have to agree
            is_cpu = self._mesh.devices.flat[0].platform == "cpu"
            return self.time_devices() * (_CPU_ROWS if is_cpu else _ACCELERATOR_ROWS)
        at_once = evaluations_at_once(self._problem.logdensity)
        return None if at_once is None else -(-at_once // len(self._problem.positions))

    def _own_surrogate(self) -> Any:
        """The kernel's own surrogate, the newest fit, or a normal with the kernel's metric."""
        surrogate = self._kernel.surrogate_of_logdensity()
        if surrogate is None and self._fitting is not None:
            surrogate = self._fitting.surrogate()
        if surrogate is not None:
            return surrogate
        positions = np.asarray(self._problem.positions)
        metric = self._kernel.tunable("inverse_mass_matrix")
        dim = positions.shape[1]
        spread = np.ones(dim) if metric is None else np.asarray(metric)
        normal = GaussianSurrogate.from_metric(positions.mean(axis=0), spread)
        # A polynomial will replace it later, and should fit the same program.
        return normal if self._fitting is None or dim > MOST_DIM else normal.as_polynomial()

    def basis(self, name: str, structure: Structure) -> jax.Array | None:
        """The basis with this name; `None` if `"auto"` decides against one.

        The result is also `None`, with a warning, if `"auto"` finds none because the log density
        raises an exception on the way to its mode.
        """
        problem, start = self._problem, self._problem.positions[0]
        kernel = self._kernel
        if name == "jacobian":
            structure.check(1, start.size, start.dtype.itemsize)
            n_parts = structure.n_parts
            return pilot_basis(problem.logdensity, kernel, start, self._rng_key, n_parts)
        if name == "auto" and not self._gains_by_a_basis(structure):
            return None
        if problem.logdensity is None:
            raise ValueError("basis='hessian' needs a log density, got None: write basis=None.")
        if "hessian" not in self._found:
            is_asked_for = name == "hessian"
            self._found["hessian"] = found_hessian(problem.logdensity, start, is_asked_for)
        hessian = self._found["hessian"]
        metric = kernel.tunable("inverse_mass_matrix")
        return None if hessian is None else basis_of_hessian(hessian, metric)

    def _gains_by_a_basis(self, structure: Structure) -> bool:
        # An inner state has two parts, position and momentum, which share the basis.
        is_of_position = (structure.n_parts == 2) == self._is_of_inner_steps
        is_small = self._problem.positions.shape[1] <= _MAX_HESSIAN_DIM
        return is_small and structure.uses_basis and is_of_position and self._kernel.uses_gradient
