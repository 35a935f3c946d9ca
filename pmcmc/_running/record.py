"""Creating the record of a run on disk, and opening it again."""

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from pmcmc._chain.mesh import spans_processes
from pmcmc._chain.problem import init_states
from pmcmc._planning.task import Task
from pmcmc._running.request import Request
from pmcmc._store.codec import NotStorableError, pack
from pmcmc._store.folder import Folder
from pmcmc._store.record import Description, Keepsake, Record, draws_in_file
from pmcmc._store.shared import SharedFolder
from pmcmc._util.checks import short
from pmcmc._version import __version__

# Tolerances, relative and absolute, for equal log densities.
_SAME = {np.dtype(np.float64): 1e-8, np.dtype(np.float32): 1e-3}


def new_record(path: Any, request: Request, task: Task, x0: Any) -> Record:
    """Create the record of a run on disk.

    Raises:
        ImportError: zarr is not installed.
        ValueError: something exists at that path, or `x0` cannot be stored.
    """
    start = jax.tree.map(np.asarray, x0)
    try:
        pack(start)
    except NotStorableError as error:
        raise ValueError(
            f"store= keeps positions that are arrays, or dictionaries, lists and tuples of them, "
            f"got {error}: write x0 as a dictionary, or store=None."
        ) from error
    key = task.rng_key
    n_chains, dim = task.problem.positions.shape
    description = Description(
        version=__version__,
        x0=start,
        n_chains=n_chains,
        rng_key=np.asarray(jax.random.key_data(key)),
        rng_key_impl=str(jax.random.key_impl(key)),
        random_bits=np.asarray(jax.random.bits(key, (4,))),
        dtype=np.dtype(task.problem.positions.dtype),
        logdensity=_at_start(task),
        kernel=Keepsake.of(request.kernel),
        solver=Keepsake.of(request.solver),
        keep=Keepsake.of(request.keep),
        n_warmup=request.n_warmup,
        thin=request.thin,
        chain_method=request.chain_method,
        gradient_mode=request.gradient_mode,
        chunk=draws_in_file(request.n_steps // request.spacing, n_chains * dim),
    )
    attributes = {
        "inference_library": "pmcmc",
        "inference_library_version": __version__,
        "kernel": description.kernel.text,
        "solver": description.solver.text,
        "tuning_steps": request.n_warmup,
    }
    kind = _kind_of_folder(request.mesh)
    return Record.create(kind, path, description, request.n_steps, attributes)


def found_record(path: Any, mesh: Mesh | None) -> Record:
    """Open the record of a run; the mesh is that of the processes that continue it.

    Raises:
        ImportError: zarr is not installed.
        ValueError: there is no record, or another version wrote it.
    """
    record = Record(_kind_of_folder(mesh)(path))
    version = record.description.version
    if version != __version__:
        raise ValueError(
            f"store {str(path)!r} was begun with pmcmc {version}, whose chains may differ from "
            f"those of {__version__}: write pip install pmcmc=={version} to continue it, or use "
            "xarray.open_datatree to read its draws."
        )
    return record


def given_again(name: str, kept: Keepsake, given: Any) -> Any:
    """The stored value of an argument, or the same value given again by the user.

    Raises:
        ValueError: the user has to give the argument again but did not, or gave another value.
    """
    if given is None:
        if kept.is_whole:
            return kept.value
        raise ValueError(
            f"{name} must be passed again, because the store cannot hold {kept.text}: write "
            f"resume(..., {name}=...) with the same one."
        )
    again = Keepsake.of(given)
    is_same = again.is_whole == kept.is_whole and type(again.value) is type(kept.value)
    if is_same and kept.is_whole:
        is_same = pack(again.value) == pack(kept.value)
    elif is_same:
        is_same = all(map(np.array_equal, again.leaves, kept.leaves))
    if not is_same:
        raise ValueError(
            f"{name} must be that of the store, {kept.text}, got {short(given)}: leave it out, or "
            "begin a new store."
        )
    return given


def check_is_of(record: Record, task: Task) -> None:
    """Raise unless a run on disk belongs to this task.

    Raises:
        ValueError: the run has another model, dtype or noise.
    """
    about, path = record.description, str(record.folder.path)
    dtype = np.dtype(task.problem.positions.dtype)
    if dtype != about.dtype:
        is_wide = about.dtype == np.float64
        raise ValueError(
            f"store {path!r} holds a chain of {about.dtype}, got positions of {dtype}: write "
            f"jax.config.update('jax_enable_x64', {is_wide}) first."
        )
    if not np.array_equal(jax.random.bits(task.rng_key, (4,)), about.random_bits):
        raise ValueError(
            f"store {path!r} was begun with a JAX that draws different random numbers from the "
            "same key: use the same version of JAX, and the same jax_threefry_partitionable."
        )
    here, there = _at_start(task), about.logdensity
    is_same = here is there is None
    if here is not None and there is not None:
        is_same = np.allclose(here, there, _SAME[dtype], _SAME[dtype])
    if not is_same:
        raise ValueError(
            f"logdensity must be that of the store {path!r}, where it is {there} at "
            f"the starts, got one that is {here} there: write the same model with the same data."
        )


def _kind_of_folder(mesh: Any) -> type[Folder]:
    return SharedFolder if spans_processes(mesh) else Folder


def _at_start(task: Task) -> np.ndarray | None:
    """The log density at the starts, shape `(chain,)`."""
    states = init_states(task.problem.logdensity, task.kernel, task.problem.positions)
    return None if states.logdensity is None else np.asarray(states.logdensity)
