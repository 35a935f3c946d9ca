"""Checking and flattening what is to be sampled."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from pmcmc._chain.density import FlatLogDensity, WithData
from pmcmc._chain.problem import Problem, init_states
from pmcmc._chain.starts import placed_like, scale_hint
from pmcmc._util.callbacks import CallbackError, callbacks_raise
from pmcmc._util.checks import check_hashable, first_line, short
from pmcmc._util.keys import internal_key
from pmcmc._util.programs import weakly_referable
from pmcmc.kernels import Kernel


def as_problem(
    logdensity: Callable[[Any], jax.Array] | None, x0: Any, n_chains: int, kernel: Kernel
) -> Problem:
    """Check the arguments of `sample` and flatten them.

    Raises:
        ValueError: an argument cannot be sampled; the message says why and what to write.
    """
    is_needed = logdensity is not None or kernel.uses_logdensity
    if is_needed and not callable(logdensity):
        raise ValueError(
            f"logdensity must be a function of the position, got {short(logdensity)}: write e.g. "
            "logdensity=lambda x: -0.5 * jnp.sum(x**2)."
        )
    leaves = _real_leaves(x0)
    has_chain_axis = n_chains > 1
    if has_chain_axis:
        for name, leaf in leaves.items():
            if leaf.shape[:1] != (n_chains,):
                raise ValueError(
                    f"{name} must have a leading axis of n_chains={n_chains} starts, got shape "
                    f"{leaf.shape}: write x0=jnp.stack([start] * {n_chains}), or better, different "
                    "starts."
                )
    # Through NumPy, which has no weak types: those would compile another program.
    with np.errstate(over="ignore"):
        chains = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), x0)
    if not has_chain_axis:
        chains = jax.tree.map(lambda leaf: leaf[None], chains)
    first = jax.tree.map(lambda leaf: leaf[0], chains)
    _, unravel = ravel_pytree(first)
    positions = jax.vmap(lambda chain: ravel_pytree(chain)[0])(chains)
    positions = placed_like(x0, positions)
    check_hashable("logdensity", logdensity, "x")
    if not np.isfinite(np.asarray(positions)).all():
        raise ValueError(
            f"x0 overflows {positions.dtype}, got numbers up to "
            f"{max(np.abs(leaf).max(initial=0) for leaf in leaves.values()):.1g}: start closer, or "
            "write jax.config.update('jax_enable_x64', True) first."
        )
    layout = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), first)
    flat = None
    if logdensity is not None:
        if isinstance(logdensity, WithData):
            flat = FlatLogDensity(logdensity.function, unravel, logdensity.data)
        else:
            flat = FlatLogDensity(weakly_referable(logdensity), unravel)
        _check_scalar(flat, layout)
    return Problem(flat, positions, unravel, layout, has_chain_axis)


def check_start(problem: Problem, kernel: Kernel) -> None:
    """Check that the kernel can start.

    Raises:
        ValueError: the kernel does not fit the positions, or the log density has no gradient
            there, or one that is not finite.
    """
    # The kernel may raise its own error here.
    jax.eval_shape(kernel.draw_noise, internal_key(0), problem.positions[0])
    try:
        with callbacks_raise(lambda: "at x0."):
            states = init_states(problem.logdensity, kernel, problem.positions)
            jax.block_until_ready(states)
    except CallbackError:
        raise
    except Exception as error:
        raise ValueError(
            f"logdensity has no gradient that JAX can compute ({first_line(error)}), and "
            f"{type(kernel).__name__} needs one: write the log density with differentiable "
            "jax.numpy operations and bounded loops such as lax.scan, or write "
            "kernel='random_walk'."
        ) from error
    if states.logdensity is None:
        return
    values = np.asarray(states.logdensity)
    for chain in np.flatnonzero(~np.isfinite(values)):
        raise ValueError(
            f"logdensity must be finite at x0, got {values[chain]} for chain {chain}: start inside "
            "the support (for constrained parameters sample a transformed, unconstrained one)."
            f"{scale_hint(problem.positions)}"
        )
    for name, value in states._asdict().items():
        is_bad = ~np.isfinite(np.asarray(value)).reshape(len(values), -1).all(axis=1)
        for chain in np.flatnonzero(is_bad):
            raise ValueError(
                f"{name} must be finite at x0, but is not for chain {chain}: start elsewhere, or "
                "write the log density so that its gradient exists at x0 (jnp.where evaluates the "
                f"gradients of both branches).{scale_hint(problem.positions)}"
            )


def check_surrogate(surrogate: Any, position: jax.Array, follower: str | None = None) -> None:
    """Check that a surrogate accepts a flat position, and returns a real scalar.

    Args:
        surrogate: the surrogate.
        position: shape `(D,)`.
        follower: name of a kernel that follows its gradient, if there is one.

    Raises:
        ValueError: it does not, or has no gradient for the kernel.
    """
    try:
        value = jax.eval_shape(surrogate, position)
    except Exception as error:
        raise ValueError(
            "surrogate must be a function of positions like x0 that JAX can trace "
            f"({first_line(error)}): write surrogate='auto'."
        ) from error
    is_array = hasattr(value, "shape")
    if not is_array or value.shape != () or not jnp.issubdtype(value.dtype, jnp.floating):
        got = f"shape {value.shape} of {value.dtype}" if is_array else type(value).__name__
        raise ValueError(
            f"surrogate must return a real scalar, got {got}: write surrogate='auto', or return "
            "e.g. jnp.sum(...)."
        )
    if follower is None:
        return
    try:
        jax.eval_shape(jax.grad(surrogate), position)
    except Exception as error:
        raise ValueError(
            f"surrogate has no gradient that JAX can compute ({first_line(error)}), and {follower} "
            "needs one: write it with differentiable jax.numpy operations and bounded loops such "
            "as lax.scan, or write surrogate='auto'."
        ) from error


def _real_leaves(x0: Any) -> dict[str, np.ndarray]:
    """Leaves of `x0` by name, known to be finite arrays of real numbers."""
    paths, _ = jax.tree.flatten_with_path(x0)
    leaves = {f"x0{jax.tree_util.keystr(path)}": leaf for path, leaf in paths}
    if not leaves or all(np.size(leaf) == 0 for leaf in leaves.values()):
        raise ValueError(
            f"x0 must hold at least one number, got {short(x0)}: write e.g. x0=jnp.zeros(2)."
        )
    arrays = {}
    for name, leaf in leaves.items():
        if isinstance(leaf, jax.core.Tracer):
            raise ValueError(
                f"{name} must be an array of numbers, got a tracer: call sample outside of "
                "jax.jit, jax.vmap and jax.grad (pmcmc.solve works under jax.jit)."
            )
        try:
            array = np.asarray(leaf)
        except TypeError as error:
            raise ValueError(
                f"{name} must be an array of float32 or float64, got {short(leaf)}: write e.g. "
                "jnp.zeros(2)."
            ) from error
        if array.dtype.kind not in "iubfcV":
            raise ValueError(
                f"{name} must be an array of float32 or float64, got {short(leaf)}: keep "
                "everything that is not a number out of x0, and put it back in the log density. "
                "With Equinox: x0, rest = equinox.partition(model, equinox.is_inexact_array), and "
                "equinox.combine(x, rest)."
            )
        if array.dtype.kind in "iub":
            raise ValueError(
                f"{name} must be an array of float32 or float64, got dtype {array.dtype}: write "
                "e.g. jnp.zeros(2) or 1.0 instead of 1."
            )
        if array.dtype not in (np.float32, np.float64):
            raise ValueError(
                f"{name} must be an array of float32 or float64, got {type(leaf).__name__} of "
                f"dtype {array.dtype}: write jnp.asarray({name}, jnp.float32)."
            )
        if not np.isfinite(array).all():
            raise ValueError(
                f"{name} must be finite, got {np.count_nonzero(~np.isfinite(array))} entries that "
                "are not: start from numbers, e.g. x0=jnp.zeros(2)."
            )
        arrays[name] = array
    return arrays


def _check_scalar(logdensity: FlatLogDensity, position: Any) -> None:
    try:
        out = jax.eval_shape(jax.jit(logdensity.function), position, *logdensity.data)
    except Exception as error:
        raise ValueError(
            f"logdensity could not be traced by JAX at a position like x0 ({first_line(error)}): "
            "write it with jax.numpy instead of numpy, jnp.where instead of if, and check that it "
            "takes one argument of the structure and shape of x0. For a function that is not JAX "
            "write pmcmc.external(logdensity)."
        ) from error
    leaves = jax.tree.leaves(out)
    if len(leaves) != 1 or leaves[0] is not out:
        raise ValueError(
            f"logdensity must return one scalar, got {type(out).__name__}: return only the log "
            "density."
        )
    if out.shape != () or not jnp.issubdtype(out.dtype, jnp.floating):
        raise ValueError(
            f"logdensity must return a real scalar, got shape {out.shape} and dtype {out.dtype}: "
            "write e.g. return jnp.sum(...)."
        )
