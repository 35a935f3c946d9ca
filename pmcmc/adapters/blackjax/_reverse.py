"""Our kernels as BlackJAX's algorithms."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from blackjax.base import SamplingAlgorithm
from jax.flatten_util import ravel_pytree

from pmcmc._util.checks import check_function
from pmcmc.kernels import Kernel

_OF_POSITIONS = ("position", "logdensity_grad")


def to_algorithm(logdensity: Callable[[Any], jax.Array] | None, kernel: Kernel) -> Any:
    """A kernel as `init(position)` and `step(rng_key, state)`, for BlackJAX's loops.

    A step draws the kernel's noise with its key, and then applies the kernel's transition.

    Args:
        logdensity: of a position, a pytree of floats; `None` for a `CustomKernel` without one.
        kernel: an instance such as `pmcmc.MALA(step_size=0.1)`.

    Returns:
        A `blackjax.base.SamplingAlgorithm`; positions and gradients in its states have the
        structure of the position passed to `init`.

    Raises:
        ValueError: `kernel` is not an instance of a kernel, or `logdensity` not a function.
    """
    if not isinstance(kernel, Kernel):
        raise ValueError(
            "kernel must be an instance such as pmcmc.MALA(step_size=0.1), got an instance of "
            f"{type(kernel).__name__}: write to_algorithm(logdensity, pmcmc.MALA(step_size=0.1))."
        )
    if logdensity is not None or kernel.uses_logdensity:
        check_function("logdensity", logdensity, "lambda x: -0.5 * jnp.sum(x**2)")

    def prepared(position: Any) -> tuple[jax.Array, Callable[[jax.Array], Any], Kernel, Any]:
        flat, unravel = ravel_pytree(position)
        of_flat = None if logdensity is None else lambda x: logdensity(unravel(x))
        return flat, unravel, _cast(kernel, flat.dtype).flatten(unravel), of_flat

    def init(position: Any, rng_key: jax.Array | None = None) -> Any:
        flat, unravel, flat_kernel, of_flat = prepared(position)
        return _unraveled(flat_kernel.init(of_flat, flat), unravel)

    def step(rng_key: jax.Array, state: Any) -> tuple[Any, Any]:
        flat, unravel, flat_kernel, of_flat = prepared(state.position)
        noise = flat_kernel.draw_noise(rng_key, flat)
        state, info = flat_kernel.transition(of_flat, _raveled(state), noise)
        return _unraveled(state, unravel), info

    return SamplingAlgorithm(init, step)


def _cast(kernel: Kernel, dtype: Any) -> Kernel:
    def cast(leaf: Any) -> jax.Array:
        is_float = jnp.issubdtype(jnp.result_type(leaf), jnp.floating)
        return jnp.asarray(leaf, dtype) if is_float else jnp.asarray(leaf)

    return jax.tree.map(cast, kernel)


def _unraveled(state: Any, unravel: Callable[[jax.Array], Any]) -> Any:
    return _mapped(state, unravel)


def _raveled(state: Any) -> Any:
    return _mapped(state, lambda tree: ravel_pytree(tree)[0])


def _mapped(state: Any, function: Callable[[Any], Any]) -> Any:
    names = [name for name in _OF_POSITIONS if name in state._fields]
    return state._replace(**{name: function(getattr(state, name)) for name in names})
