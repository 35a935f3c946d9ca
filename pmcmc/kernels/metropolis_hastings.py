"""Metropolis-Hastings algorithm with the user's own proposals."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from pmcmc._util.checks import check_function
from pmcmc.kernels.base import State
from pmcmc.kernels.flatten import FlatDraw, FlatMap, FlatScalar
from pmcmc.kernels.metropolis import MetropolisKernel


class MetropolisHastingsNoise(NamedTuple):
    """The user's noise for the proposal, and a uniform draw."""

    proposal: Any
    uniform: jax.Array


class MetropolisHastings(MetropolisKernel, static=("proposal", "noise", "log_ratio")):
    """Accept or reject the proposals of a function (Hastings, 1970), without a gradient.

    Positions have the structure of `x0`. Data in the closures of the functions are read once.
    Compilers may round a proposal that multiplies and adds, such as `x + 0.5 * noise`, differently
    in two programs; if the chains of two solvers should agree to the last digit, scale in `noise`.

    Args:
        proposal: `(position, noise) -> position`, the proposal as a map over noise. Sweeps
            differentiate it.
        noise: `(rng_key, position) -> noise`, a pytree of arrays; only shapes and dtypes of the
            position may be used.
        log_ratio: `(position, proposal) -> log q(position | proposal) - log q(proposal | position)`
            for the density `q` of the proposal; `None` if it is symmetric.

    Raises:
        ValueError: an argument is not a function.
    """

    proposal: Callable[[Any, Any], Any]
    noise: Callable[[jax.Array, Any], Any]
    log_ratio: Callable[[Any, Any], jax.Array] | None = None

    def __post_init__(self) -> None:
        check_function("proposal", self.proposal, "lambda x, noise: x + noise")
        check_function("noise", self.noise, "lambda key, x: jax.random.normal(key, x.shape)")
        if self.log_ratio is not None:
            check_function("log_ratio", self.log_ratio, "lambda x, proposal: log_q_ratio")

    def draw_noise(self, rng_key: jax.Array, position: jax.Array) -> MetropolisHastingsNoise:
        proposal_key, uniform_key = jax.random.split(rng_key)
        return MetropolisHastingsNoise(
            self.noise(proposal_key, position),
            jax.random.uniform(uniform_key, (), position.dtype),
        )

    def propose(self, state: State, noise: MetropolisHastingsNoise) -> jax.Array:
        return self.proposal(state.position, noise.proposal)

    def log_proposal_ratio(
        self, state: State, proposal: State, noise: MetropolisHastingsNoise
    ) -> jax.Array | float:
        if self.log_ratio is None:
            return 0.0
        positions = jax.lax.stop_gradient((state.position, proposal.position))
        return self.log_ratio(*positions)

    def flatten(self, unravel: Callable[[jax.Array], Any]) -> "MetropolisHastings":
        return MetropolisHastings(
            FlatMap(self.proposal, unravel),
            FlatDraw(self.noise, unravel),
            None if self.log_ratio is None else FlatScalar(self.log_ratio, unravel),
        )
