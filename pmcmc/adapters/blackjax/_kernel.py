"""BlackJAX's algorithms as kernels of `pmcmc.sample`."""

import functools
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from blackjax.base import SamplingAlgorithm
from jax.flatten_util import ravel_pytree

from pmcmc._util.keys import as_key
from pmcmc.adapters.blackjax._compat import GRADIENT, LOGDENSITY, fields_of, is_slice_state
from pmcmc.adapters.blackjax._states import check_algorithm
from pmcmc.adapters.blackjax._step_key import StepKey
from pmcmc.kernels import GradientState, Kernel, State

_FIELDS = {"position", LOGDENSITY, GRADIENT}


def from_algorithm(algorithm: SamplingAlgorithm) -> "AlgorithmKernel":
    """A BlackJAX algorithm as a kernel: `pmcmc.sample(None, x0, n_steps, kernel=...)`.

    The noise of a step is its key, which `step_keys` returns: the chain is that of a loop over
    `algorithm.step(key, state)`. A log density passed to `pmcmc.sample` is used only for the basis
    of the sweeps; the chain samples the algorithm's own. The hyperparameters of the algorithm are
    constants of the compiled code.

    Args:
        algorithm: one whose state is a function of the position, such as `blackjax.mala`, `hmc`,
            `nuts`, `barker`, `rmh` or `additive_step_random_walk`. For others (MCLMC, GHMC, dynamic
            HMC, elliptical slice sampling) use `run_inference_algorithm`.

    Raises:
        ValueError: it is not a `SamplingAlgorithm`; when used, its state is more than a position.
    """
    check_algorithm(algorithm)
    return AlgorithmKernel(algorithm)


def step_keys(rng_key: jax.Array | int, n_steps: int, chain: int = 0) -> jax.Array:
    """The keys that drive a chain of `pmcmc.sample`, for your own loop.

    Args:
        rng_key: as given to `pmcmc.sample`: a typed key or a seed.
        n_steps: length of the chain, without the warm-up.
        chain: index of the chain.

    Returns:
        Typed keys, shape `(n_steps,)`.
    """
    chain_key = StepKey.of(jax.random.fold_in(as_key(rng_key), chain))

    def fold_in(step: jax.Array) -> jax.Array:
        return chain_key.use(lambda key, step: StepKey.of(jax.random.fold_in(key, step)).data, step)

    return StepKey(jax.vmap(fold_in)(jnp.arange(n_steps)), chain_key.implementation).key


class AlgorithmKernel(Kernel, static=("algorithm", "unravel")):
    """The kernel that `from_algorithm` returns.

    Args:
        algorithm: BlackJAX's.
        unravel: from a flat position to the structure that the algorithm takes; `None` if that is
            flat.
    """

    algorithm: SamplingAlgorithm
    unravel: Callable[[jax.Array], Any] | None = None

    uses_logdensity = False
    uses_gradient = True

    def init(self, logdensity: Any, position: jax.Array) -> State | GradientState:
        return _flat(self.algorithm.init(self._unravel(position), jax.random.key(0)))

    def draw_noise(self, rng_key: jax.Array, position: jax.Array) -> StepKey:
        return StepKey.of(rng_key)

    def transition(
        self, logdensity: Any, state: State | GradientState, noise: StepKey
    ) -> tuple[State | GradientState, Any]:
        theirs = self._unravel_state(state)
        theirs, info = noise.use(self.algorithm.step, theirs)
        return _flat(theirs), _scalars(info, state.position.dtype)

    def flatten(self, unravel: Callable[[jax.Array], Any]) -> "AlgorithmKernel":
        return replace(self, unravel=unravel)

    def __str__(self) -> str:
        return f"AlgorithmKernel({self.algorithm.step.__module__})"

    def _unravel(self, position: jax.Array) -> Any:
        return position if self.unravel is None else self.unravel(position)

    def _unravel_state(self, state: State | GradientState) -> Any:
        fields = state._asdict()
        for name in _FIELDS - {LOGDENSITY}:
            if name in fields:
                fields[name] = self._unravel(fields[name])
        shape = jax.eval_shape(self.algorithm.init, fields["position"], jax.random.key(0))
        return shape._replace(**fields)


def _flat(state: Any) -> State | GradientState:
    """The algorithm's state with flat vectors for its pytrees."""
    fields = fields_of(state)
    is_known = {"position", LOGDENSITY} <= set(fields) <= _FIELDS
    if not is_known or is_slice_state(state):  # not every solver can run these
        raise ValueError(
            "kernel=from_algorithm(...) needs an algorithm whose state is a function of the "
            f"position, got {type(state).__name__} with the fields {', '.join(fields)}: write "
            "pmcmc.adapters.blackjax.run_inference_algorithm(...)."
        )
    position = ravel_pytree(state.position)[0]
    logdensity = jnp.asarray(state.logdensity)
    if GRADIENT in fields:
        return GradientState(position, logdensity, ravel_pytree(state.logdensity_grad)[0])
    return State(position, logdensity)


def _scalars(info: Any, dtype: Any) -> Any:
    """The scalars in the algorithm's info, and the statistics that every kernel has."""
    values = {
        "acceptance_rate": jnp.ones((), dtype),
        "is_accepted": jnp.bool_(True),
        "is_divergent": jnp.bool_(False),
    }
    for name, value in info._asdict().items():
        if isinstance(value, jax.Array) and value.shape == ():
            values[name] = value
    return _info_type(tuple(values))(**values)


@functools.cache
def _info_type(names: tuple[str, ...]) -> Any:
    return namedtuple("Info", names)
