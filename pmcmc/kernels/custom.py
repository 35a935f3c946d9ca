"""Any transition that a user writes."""

from collections.abc import Callable
from typing import Any

import jax

from pmcmc._util.checks import check_function
from pmcmc.kernels.base import Kernel, LogDensity, State
from pmcmc.kernels.flatten import FlatDraw, FlatMap
from pmcmc.kernels.metropolis import Info, always_accepted


class CustomKernel(Kernel, static=("step", "noise")):
    """A transition `(position, noise) -> position`, such as a Gibbs scan.

    It needs no log density (`sample(None, x0, ...)`); if there is one, it is reported as a
    statistic. Positions have the structure of `x0`. Data in the closures of the functions are read
    once.

    Args:
        step: `(position, noise) -> position`. Sweeps differentiate it.
        noise: `(rng_key, position) -> noise`, a pytree of arrays; only shapes and dtypes of the
            position may be used. Draw values that do not depend on the position, and scale them in
            `step`: `mean + sd * normal`, `rate / gamma`.

    Raises:
        ValueError: an argument is not a function.
    """

    step: Callable[[Any, Any], Any]
    noise: Callable[[jax.Array, Any], Any]

    uses_logdensity = False

    def __post_init__(self) -> None:
        check_function("step", self.step, "lambda x, noise: 0.9 * x + noise")
        check_function("noise", self.noise, "lambda key, x: jax.random.normal(key, x.shape)")

    def draw_noise(self, rng_key: jax.Array, position: jax.Array) -> Any:
        return self.noise(rng_key, position)

    def transition(
        self, logdensity: LogDensity | None, state: State, noise: Any
    ) -> tuple[State, Info]:
        position = self.step(state.position, noise)
        return self.init(logdensity, position), always_accepted(position)

    def flatten(self, unravel: Callable[[jax.Array], Any]) -> "CustomKernel":
        return CustomKernel(FlatMap(self.step, unravel), FlatDraw(self.noise, unravel))
