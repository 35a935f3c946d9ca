"""Better iterates from several sweeps: Anderson's and Broyden's methods.

A sweep takes iterates `x` of the window to `x + g(x)`. Differences `dX` and `dG` of `x` and `g`
from earlier sweeps show how far the next step falls short. In the notation of Fang and Saad (2009,
Two classes of multisecant methods for nonlinear acceleration), the next iterate is
`x + g - (dX + dG) c`, with `c` from least squares. Any iterate is valid: the solution is the same.
"""

import abc
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pmcmc._util.checks import store_count
from pmcmc._util.products import product
from pmcmc._util.pytree import Pytree
from pmcmc.solvers.window import View


class History(NamedTuple):
    """The changes of rows in earlier sweeps; zeros if a row was not in the window.

    Args:
        rows: rows before the last sweep, shape `(W, D)`.
        change: change by the last sweep, `g`, shape `(W, D)`.
        of_rows: differences `dX` of rows from sweep to sweep, newest first, shape `(W, memory, D)`.
        of_change: differences `dG` of changes, same shape.
    """

    rows: jax.Array
    change: jax.Array
    of_rows: jax.Array
    of_change: jax.Array


class Acceleration(Pytree, abc.ABC, static=("memory",)):
    """Combines the results of the last sweeps; a frozen dataclass registered as a pytree.

    Args:
        memory: number of differences between sweeps to use.

    Raises:
        ValueError: `memory` is not a positive integer.
    """

    memory: int = 3

    def __post_init__(self) -> None:
        store_count(self, "memory")

    @abc.abstractmethod
    def test_rows(self, history: History) -> jax.Array:
        """The rows `(W, memory, D)` with which the secant equations are tested."""

    def init(self, rows: jax.Array) -> History:
        """The state before the first sweep over rows `(W, D)`."""
        nothing = jnp.zeros((len(rows), self.memory, rows.shape[1]), rows.dtype)
        return History(jnp.zeros_like(rows), jnp.zeros_like(rows), nothing, nothing)

    def accelerate(
        self, view: View, swept: jax.Array, history: History
    ) -> tuple[jax.Array, History]:
        """Rows from which to continue after a sweep that led to `swept`, and the next state."""
        is_old = view.is_live & ~view.is_new

        def of_old(difference: jax.Array, before: jax.Array) -> jax.Array:
            rows = jnp.concatenate([difference[:, None], before[:, :-1]], axis=1)
            return jnp.where(is_old[:, None, None] & jnp.isfinite(rows), rows, 0.0)

        change = swept - view.rows
        history = History(
            view.rows,
            change,
            of_old(view.rows - history.rows, history.of_rows),
            of_old(change - history.change, history.of_change),
        )
        weights = self._weights(view, history)
        both = history.of_rows + history.of_change
        rows = swept - jnp.einsum("wmd,m->wd", both, weights, precision=jax.lax.Precision.HIGHEST)
        return jnp.where(jnp.isfinite(rows), rows, swept), history

    def _weights(self, view: View, history: History) -> Any:
        """`c`, shape `(memory,)`; 0 for differences that are not known yet."""
        highest = jax.lax.Precision.HIGHEST
        tests = self.test_rows(history)
        is_known = view.is_live[:, None] & jnp.isfinite(history.change)
        change = jnp.where(is_known, history.change, 0.0)
        square, right = view.place.sum(
            (
                jnp.einsum("wmd,wnd->mn", tests, history.of_change, precision=highest),
                jnp.einsum("wmd,wd->m", tests, change, precision=highest),
            )
        )
        # Scaling, so that small differences are resolved as well as large ones.
        scale = jnp.sqrt(jnp.abs(jnp.diagonal(square)))
        scale = jnp.where(scale > 0, scale, 1.0)
        scaled = square / (scale[:, None] * scale[None])
        eps = jnp.finfo(scaled.dtype).eps
        inverse = jnp.linalg.pinv(scaled, rtol=self.memory * eps**0.75)
        weights = product(inverse, right / scale) / scale
        return jnp.where(jnp.all(jnp.isfinite(weights)), weights, 0.0)


class Anderson(Acceleration):
    """Anderson's acceleration (1965): the combination of the last sweeps with the least change.

    Args:
        memory: number of differences between sweeps to use.

    Raises:
        ValueError: `memory` is not a positive integer.
    """

    def test_rows(self, history: History) -> jax.Array:
        return history.of_change


class Broyden(Acceleration):
    """Broyden's (good) method with limited memory, which solves all secant equations together.

    Args:
        memory: number of differences between sweeps to use.

    Raises:
        ValueError: `memory` is not a positive integer.
    """

    def test_rows(self, history: History) -> jax.Array:
        return history.of_rows
