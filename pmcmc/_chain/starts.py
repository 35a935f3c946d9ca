"""What a start reveals: the device to use, the number of chains that was meant, its scale."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from pmcmc._util.keys import internal_key
from pmcmc.kernels import Kernel


def placed_like(x0: Any, positions: jax.Array) -> jax.Array:
    """The positions on the device of the start, if the user put it on one."""
    leaves = [leaf for leaf in jax.tree.leaves(x0) if isinstance(leaf, jax.Array)]
    devices = {leaf.device for leaf in leaves if leaf.committed and len(leaf.devices()) == 1}
    if len(devices) > 1:
        raise ValueError(
            f"x0 must live on one device, got leaves on {', '.join(sorted(map(str, devices)))}: "
            "write x0=jax.device_put(x0, jax.devices()[0])."
        )
    return jax.device_put(positions, *devices) if devices else positions


def device_of(positions: jax.Array) -> Any:
    """The device on which the user put the chains; `None` if JAX chose it."""
    return positions.device if positions.committed else None


def cast_like(positions: jax.Array, rows: np.ndarray) -> jax.Array:
    """Rows on the device of the positions, and with their dtype."""
    return jax.device_put(rows.astype(positions.dtype, copy=False), device_of(positions))


def scale_hint(positions: jax.Array) -> str:
    """For messages: the scale of the numbers if that may be the problem, otherwise nothing."""
    largest = float(np.abs(np.asarray(positions)).max())
    if largest == 0 or 1e-8 < largest < 1e8:
        return ""
    return (
        f" The largest number in x0 is {largest:.1e}: sample in units in which it is about 1, "
        f"logdensity=lambda x: f({largest:.0e} * x), or start closer."
    )


def forgotten_n_chains(
    logdensity: Callable[[Any], jax.Array] | None, x0: Any, kernel: Kernel
) -> int | None:
    """The number of chains that `x0` was probably meant for, if it does not work for one.

    Args:
        logdensity: as given to `sample`.
        x0: given for one chain.
        kernel: as given.

    Returns:
        `None` if `x0` works for one chain, or if its parts do not work either.
    """
    lengths = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(x0)}
    if len(lengths) != 1 or () in lengths:
        return None
    ((n_starts,),) = lengths
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf)[1:], leaf.dtype), x0)
    if n_starts == 1 or _fits(logdensity, x0, kernel) or not _fits(logdensity, one, kernel):
        return None
    return int(n_starts)


def _fits(logdensity: Callable[[Any], jax.Array] | None, position: Any, kernel: Kernel) -> bool:
    """Whether a step can be traced from a position like this one."""

    def step(position: Any) -> Any:
        flat, unravel = ravel_pytree(position)
        of_flat = None if logdensity is None else lambda x: logdensity(unravel(x))
        flat_kernel = kernel.flatten(unravel)
        state = flat_kernel.init(of_flat, flat)
        noise = flat_kernel.draw_noise(internal_key(0), flat)
        return state.logdensity, flat_kernel.transition(of_flat, state, noise)

    try:
        value = jax.eval_shape(step, position)[0]
    except Exception:  # of any kind: it is a user's function
        return False
    return value is None or value.shape == ()
