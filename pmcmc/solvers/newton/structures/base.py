"""The interface of structures of Jacobian approximations."""

import abc
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from pmcmc._util.pytree import Pytree
from pmcmc.solvers.newton.coordinates import Coordinates

StateMap = Callable[[jax.Array], tuple[jax.Array, Any]]
InputMap = Callable[[jax.Array, Any], tuple[jax.Array, Any]]


class Structure(Pytree, abc.ABC):
    """A structure of the matrix that stands in for the Jacobian of a step.

    It contains everything that differs between Newton-type methods: how to estimate the matrix from
    the map, how to compose two matrices, and how to apply one. Methods see one step of one chain. A
    structure is a frozen dataclass registered as a pytree. Its matrices are pytrees too: if all
    leaves are zero, the matrix is zero. Unless multiplying all leaves multiplies the matrix, it
    implements `times`.

    Damping needs the methods below `apply`; a structure without them cannot be damped.
    """

    @property
    def uses_basis(self) -> bool:
        """Whether the matrix is better in suitable coordinates."""
        return True

    @property
    def uses_derivatives(self) -> bool:
        """Whether the map is differentiated."""
        return True

    @property
    def n_parts(self) -> int:
        """Number of equal parts of the state that share one basis."""
        return 1

    @property
    def every(self) -> int:
        """Number of sweeps from one estimate of the matrices to the next."""
        return 1

    def products(self, dim: int) -> float:
        """Average number of Jacobian-vector products of a step in a sweep."""
        return dim if self.uses_derivatives else 0

    def max_states(self, dim: int, itemsize: int) -> int | None:
        """Largest number of states whose matrices fit into memory, `None` for no limit."""
        return None

    def check(self, n_states: int, dim: int, itemsize: int) -> None:
        """Check that states of this kind can be handled.

        Args:
            n_states: number of states evaluated at once, in the windows of all chains.
            dim: number of coordinates of a state.
            itemsize: bytes of a number.

        Raises:
            ValueError: this is impossible; the message says what to choose instead.
        """
        return  # most structures handle any state

    @abc.abstractmethod
    def linearize(
        self, step: StateMap, state: jax.Array, coordinates: Coordinates, rng_key: jax.Array
    ) -> tuple[jax.Array, Any, Any]:
        """Value of the map at `state`, its aux, and the matrix in the given coordinates."""

    def linearize_at(
        self,
        step: InputMap,
        state: jax.Array,
        inputs: Any,
        coordinates: Coordinates,
        rng_key: jax.Array,
    ) -> tuple[jax.Array, Any, Any]:
        """The same for a map of state and input, for structures that use the input."""
        return self.linearize(lambda s: step(s, inputs), state, coordinates, rng_key)

    def prepared(self, probes: Callable[[], int | None]) -> "Structure":
        """The structure with its number of probes set, if that was left open."""
        return self

    def for_derivatives(self) -> "Structure":
        """A structure for the linear recurrence of derivatives, whose states are tangents."""
        return self

    @abc.abstractmethod
    def compose(self, later: Any, earlier: Any) -> Any:
        """The matrix product `later @ earlier`."""

    @abc.abstractmethod
    def apply(self, matrix: Any, vector: jax.Array) -> jax.Array:
        """The product of a matrix and a vector `(D,)`."""

    def solve(self, offsets: jax.Array) -> jax.Array | None:
        """All `y_t = A y_{t-1} + b_t`, if this needs no scan because the matrices are known.

        Args:
            offsets: `b_1..b_W`, shape `(W, D)`.
        """
        return None

    def times(self, matrix: Any, factor: jax.Array) -> Any:
        """The matrix multiplied by a number."""
        return jax.tree.map(lambda leaf: factor * leaf, matrix)

    def clip(self, matrix: Any, rho: jax.Array | float) -> Any:
        """The matrix, or one near it, with a spectral norm of at most `rho`."""
        raise self._lacks("clip")

    def clip_between(self, matrix: Any, low: jax.Array | float, high: jax.Array | float) -> Any:
        """The matrix with its entries moved to the nearest bound, if it is diagonal."""
        raise self._lacks("clip_between")

    def transpose(self, matrix: Any) -> Any:
        """The transposed matrix."""
        raise self._lacks("transpose")

    def add(self, first: Any, second: Any) -> Any:
        """The sum of two matrices."""
        return jax.tree.map(lambda x, y: x + y, first, second)

    def identity_like(self, matrix: Any) -> Any:
        """The identity matrix."""
        raise self._lacks("identity_like")

    def resolvent(self, matrix: Any) -> Any:
        """The inverse of identity plus matrix."""
        raise self._lacks("resolvent")

    def _lacks(self, name: str) -> Exception:
        return TypeError(
            f"{type(self).__name__} has no method {name!r}, which this damping needs: implement "
            "it, or write damping=None."
        )


def push(
    step: StateMap, state: jax.Array, coordinates: Coordinates, tangents: jax.Array
) -> tuple[jax.Array, Any, jax.Array]:
    """Value of the map, its aux, and the products of its Jacobian with a batch of tangents.

    Args:
        step: the map of one step.
        state: where to evaluate it.
        coordinates: of the tangents and of the products.
        tangents: shape `(batch, D)`.
    """

    def along(tangent: jax.Array) -> tuple[jax.Array, jax.Array, Any]:
        out: tuple[jax.Array, jax.Array, Any] = jax.jvp(step, (state,), (tangent,), has_aux=True)
        return out

    value, pushed, aux = jax.vmap(along, out_axes=(None, 0, None))(coordinates.leave(tangents))
    return value, aux, coordinates.enter(pushed)


def probes(n_probes: int | None, state: jax.Array, rng_key: jax.Array) -> jax.Array:
    """Vectors `(probe, D)` for Hutchinson's estimator of a diagonal, `sum(v * (A @ v))`.

    Random signs over the square root of their number; for `None` the unit vectors, with which the
    estimate is exact.
    """
    if n_probes is None:
        return jnp.eye(state.shape[0], dtype=state.dtype)
    signs = jax.random.rademacher(rng_key, (n_probes, *state.shape), state.dtype)
    return signs / n_probes**0.5
