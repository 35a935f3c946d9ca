"""Chains on the devices of a mesh: chains along one axis, the rows of a window along the other."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from pmcmc._chain.density import FlatLogDensity, evaluations_at_once
from pmcmc._chain.noise import NOISE_OPTIONS, draw_noise
from pmcmc._chain.recursion import as_recursion
from pmcmc._util.checks import short
from pmcmc._util.programs import jit_of_function, jit_of_kinds
from pmcmc.kernels import Kernel
from pmcmc.solvers import Solver, Trajectories

CHAIN, TIME = "chain", "time"
_WHOLE = PartitionSpec()


def checked_mesh(
    mesh: Any, n_chains: int, logdensity: FlatLogDensity | None, chain_method: str
) -> Mesh:
    """Check a mesh that chains are spread over, whatever the types of its axes.

    Raises:
        ValueError: it cannot be used; the message says what to write.
    """
    example = "jax.make_mesh((jax.device_count(),), ('time',))"
    if not isinstance(mesh, Mesh):
        raise ValueError(f"mesh must be a jax.sharding.Mesh, got {short(mesh)}: write {example}.")
    if not mesh.axis_names or not set(mesh.axis_names) <= {CHAIN, TIME}:
        raise ValueError(
            f"mesh must have axes named 'chain' or 'time' or both, got {mesh.axis_names}: write "
            f"{example}."
        )
    if n_chains % size(mesh, CHAIN):
        raise ValueError(
            f"n_chains must be a multiple of the {size(mesh, CHAIN)} devices of mesh axis 'chain', "
            f"got {n_chains}: write another number of chains or a smaller mesh."
        )
    if evaluations_at_once(logdensity) is not None:
        raise ValueError(
            "mesh= distributes JAX programs over devices, but an external log density is not one: "
            "leave out mesh, and give pmcmc.external an executor with more workers."
        )
    if chain_method not in ("auto", "vectorized"):
        raise ValueError(
            f"chain_method must be 'auto' or 'vectorized' with a mesh, whose devices "
            f"share the chains, got {chain_method!r}: write chain_method='auto'."
        )
    return Mesh(mesh.devices, mesh.axis_names)


def check_solver(mesh: Mesh, solver: Solver) -> None:
    """Check that a solver can use the axes of a mesh.

    Raises:
        ValueError: it cannot.
    """
    if size(mesh, TIME) > 1 and not solver.is_parallel_in_time:
        raise ValueError(
            f"mesh has an axis 'time' of {size(mesh, TIME)} devices, which solver="
            f"{short(solver)} cannot use, because it takes steps one after another: write "
            "solver='speculative' or 'quasi', or a mesh with an axis 'chain' only."
        )


def size(mesh: Mesh | None, axis: str) -> int:
    """Number of devices of an axis; 1 if there is no such axis."""
    return 1 if mesh is None else int(mesh.shape.get(axis, 1))


def spans_processes(mesh: Any) -> bool:
    """Whether a mesh has devices of other processes, which all have to make the same choices."""
    return isinstance(mesh, Mesh) and mesh.is_multi_process


def device_name(positions: jax.Array, mesh: Mesh | None) -> str:
    """Where chains run, in words."""
    if mesh is None:
        return str(positions.device)
    axes = ", ".join(f"{axis}={n}" for axis, n in mesh.shape.items())
    kinds = sorted({str(device.device_kind) for device in mesh.devices.flat})
    return f"mesh of {' and '.join(kinds)}: {axes}"


def advance_on_mesh(
    mesh: Mesh,
    logdensity: FlatLogDensity | None,
    parameters: tuple[Solver, Kernel],
    positions: jax.Array,
    rng_key: jax.Array,
    first_step: Any,
    n_steps: Any,
    length: int,
    keeps_proposals: bool,
) -> tuple[jax.Array, Trajectories]:
    """Last positions and trajectories of all chains; every process gets all of them.

    Args:
        mesh: devices.
        logdensity: of a flat position.
        parameters: the object that evaluates the chains, and the flat kernel.
        positions: shape `(chain, D)`, the same in every process, as are all arguments.
        rng_key: of the noise; each device draws it for its own chains.
        first_step: number of the first step.
        n_steps: number of steps to take, at most `length`.
        length: number of steps that the program is compiled for.
        keeps_proposals: whether to return proposals too.
    """
    solver, kernel = parameters
    impl = str(jax.random.key_impl(rng_key))
    # Through NumPy: arrays on this process's first device are not on all devices.
    solver, kernel, positions, key, first_step, n_steps = jax.tree.map(
        np.asarray,
        (solver, kernel, positions, jax.random.key_data(rng_key), first_step, n_steps),
    )
    noise = _noise(kernel, positions, key, first_step, n_steps, impl, length, mesh)
    out: tuple[jax.Array, Trajectories] = _advance(
        logdensity, solver, kernel, positions, noise, n_steps, keeps_proposals, mesh
    )
    return out


# Its own program, and compiled like that for one device, so that it also rounds alike.
@jit_of_kinds(5, 6, 7, compiler_options=NOISE_OPTIONS)
def _noise(
    kernel: Kernel,
    positions: jax.Array,
    key_data: jax.Array,
    first_step: jax.Array,
    n_steps: jax.Array,
    impl: str,
    length: int,
    mesh: Mesh,
) -> Any:
    """The noise of the steps, each device's own chains on it."""

    def on_device(kernel: Kernel, positions: jax.Array, *numbers: jax.Array) -> Any:
        key_data, first_step, n_steps = numbers
        key = jax.random.wrap_key_data(key_data, impl=impl)
        first_chain = jnp.uint32(0)
        if CHAIN in mesh.axis_names:
            first_chain = jax.lax.axis_index(CHAIN).astype(jnp.uint32) * len(positions)
        return draw_noise(kernel, positions, key, first_step, n_steps, length, first_chain)

    specs = (_WHOLE, _of_chains(mesh), _WHOLE, _WHOLE, _WHOLE)
    return _spread(on_device, mesh, specs)(kernel, positions, key_data, first_step, n_steps)


@jit_of_function(6, 7)
def _advance(
    logdensity: FlatLogDensity | None,
    solver: Solver,
    kernel: Kernel,
    positions: jax.Array,
    noise: Any,
    n_steps: jax.Array,
    keeps_proposals: bool,
    mesh: Mesh,
) -> tuple[jax.Array, Trajectories]:
    of_chains = _of_chains(mesh)
    time_axis = TIME if size(mesh, TIME) > 1 else None

    def on_device(
        data: Any,
        of_solver: list[Any],
        kernel: Kernel,
        positions: jax.Array,
        noise: Any,
        n_steps: jax.Array,
    ) -> tuple[jax.Array, Trajectories]:
        density = None if logdensity is None else dataclasses.replace(logdensity, data=data)
        recursion = as_recursion(density, kernel, keeps_proposals, time_axis)
        solver = jax.tree.unflatten(structure, of_solver)
        return advanced(solver, recursion, positions, noise, n_steps)

    leaves, structure = jax.tree.flatten(solver)
    own = set(map(id, jax.tree.leaves(solver.per_chain)))
    specs = [of_chains if id(leaf) in own else _WHOLE for leaf in leaves]
    spread = _spread(on_device, mesh, (_WHOLE, specs, _WHOLE, of_chains, of_chains, _WHOLE))
    data = () if logdensity is None else logdensity.data
    out: tuple[jax.Array, Trajectories] = spread(data, leaves, kernel, positions, noise, n_steps)
    if spans_processes(mesh):
        out = jax.lax.with_sharding_constraint(out, NamedSharding(mesh, _WHOLE))
    return out


def _of_chains(mesh: Mesh) -> PartitionSpec:
    return PartitionSpec(CHAIN if CHAIN in mesh.axis_names else None)


def _spread(function: Callable[..., Any], mesh: Mesh, in_specs: Any) -> Callable[..., Any]:
    """The function on each device of a mesh; its results have an axis of chains."""
    # Loops inside log densities, such as adaptive solvers, would fail the check.
    return jax.shard_map(
        function, mesh=mesh, in_specs=in_specs, out_specs=_of_chains(mesh), check_vma=False
    )


def advanced(
    solver: Solver, recursion: Any, positions: jax.Array, noise: Any, n_steps: jax.Array
) -> tuple[jax.Array, Trajectories]:
    """Last positions and trajectories of chains from `positions`, shape `(chain, D)`."""
    result = solver.run(recursion, positions, noise, n_steps)
    last = jnp.where(n_steps > 0, result.states[:, jnp.maximum(n_steps, 1) - 1], positions)
    return last, result
