"""The location of the rows of a window: in order on one device, or on a ring of devices."""

import abc
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


@dataclass(frozen=True)
class Place(abc.ABC):
    """The location of the rows of a window that starts at step `start`.

    The window has one row per step. A device has `n` of them, as the leading axis of its arrays.
    Everything else is the same on every device.

    Args:
        start: number of the first step of the window.
    """

    start: jax.Array | int = 0

    @property
    @abc.abstractmethod
    def n_devices(self) -> int:
        """Number of devices that share the window."""

    @abc.abstractmethod
    def order(self, n: int) -> jax.Array:
        """The index in the window of each row on this device, shape `(n,)`."""

    @abc.abstractmethod
    def sum(self, value: Any) -> Any:
        """The sum over devices."""

    @abc.abstractmethod
    def max(self, value: Any) -> Any:
        """The maximum over devices."""

    @abc.abstractmethod
    def at(self, rows: jax.Array, number: jax.Array | int) -> jax.Array:
        """The row with this index in the window."""

    @abc.abstractmethod
    def before(self, rows: jax.Array, first: jax.Array) -> jax.Array:
        """The row before each row; `first` is before the first."""

    @abc.abstractmethod
    def slide(self, rows: jax.Array, n_finished: jax.Array) -> jax.Array:
        """Drop the first rows; the rows that enter are copies of the last one."""

    @abc.abstractmethod
    def around(self, value: Any) -> Any:
        """The values of all devices, starting with this one, with a leading axis of devices."""

    @abc.abstractmethod
    def room(self, length: int, n: int, row: Any) -> Any:
        """Zeros for `length` steps plus one window, with the shape and dtype of this row."""

    @abc.abstractmethod
    def put(self, room: jax.Array, rows: jax.Array) -> jax.Array:
        """The room with all rows of the window in it."""

    @abc.abstractmethod
    def put_one(self, room: jax.Array, row: jax.Array, n: int) -> jax.Array:
        """The room with the first row of the window in it."""

    @abc.abstractmethod
    def taken(self, room: jax.Array, length: int) -> jax.Array:
        """The first `length` steps."""

    def size(self, n: int) -> int:
        """Number of rows of the whole window if each device has `n`."""
        return n * self.n_devices

    def min(self, value: Any) -> Any:
        """The minimum over devices."""
        return jax.tree.map(jnp.negative, self.max(jax.tree.map(jnp.negative, value)))

    def length_of_prefix(self, is_true: jax.Array) -> jax.Array:
        """Number of rows before the first one that is false."""
        n = len(is_true)
        return self.min(jnp.min(jnp.where(is_true, self.size(n), self.order(n))))


@dataclass(frozen=True)
class InOrder(Place):
    """All rows on this device, in the order of the steps."""

    @property
    def n_devices(self) -> int:
        return 1

    def order(self, n: int) -> jax.Array:
        return jnp.arange(n, dtype=jnp.int32)

    def sum(self, value: Any) -> Any:
        return value

    def max(self, value: Any) -> Any:
        return value

    def min(self, value: Any) -> Any:
        return value

    def at(self, rows: jax.Array, number: jax.Array | int) -> jax.Array:
        return rows[number]

    def before(self, rows: jax.Array, first: jax.Array) -> jax.Array:
        return jnp.concatenate([first[None], rows[:-1]])

    def slide(self, rows: jax.Array, n_finished: jax.Array) -> jax.Array:
        row = jnp.arange(len(rows), dtype=jnp.int32)
        return rows[jnp.minimum(row + n_finished, len(rows) - 1)]

    def around(self, value: Any) -> Any:
        return jax.tree.map(lambda x: x[None], value)

    def room(self, length: int, n: int, row: Any) -> Any:
        return jax.tree.map(lambda x: jnp.zeros((length + n, *x.shape), x.dtype), row)

    def put(self, room: jax.Array, rows: jax.Array) -> jax.Array:
        return lax.dynamic_update_slice_in_dim(room, rows, self.start, 0)

    def put_one(self, room: jax.Array, row: jax.Array, n: int) -> jax.Array:
        return room.at[self.start].set(row)

    def taken(self, room: jax.Array, length: int) -> jax.Array:
        return room[:length]


@dataclass(frozen=True)
class Ring(Place):
    """Equal parts of the rows on the devices of a mesh axis, under `jax.shard_map`.

    Step `t` is row `t` modulo the size of the window, counted through the devices in order. So
    nothing moves when the window slides: rows of finished steps are reused for new steps. The first
    step of the window may be any row, and the first device follows the last.

    Args:
        axis: axis of the mesh.
    """

    axis: str = "time"

    @property
    def n_devices(self) -> int:
        return int(lax.psum(1, self.axis))

    def order(self, n: int) -> jax.Array:
        row = lax.axis_index(self.axis).astype(jnp.int32) * n + jnp.arange(n, dtype=jnp.int32)
        return (row - self.start) % self.size(n)

    def sum(self, value: Any) -> Any:
        return lax.psum(value, self.axis)

    def max(self, value: Any) -> Any:
        return lax.pmax(value, self.axis)

    def at(self, rows: jax.Array, number: jax.Array | int) -> jax.Array:
        is_it = beside(self.order(len(rows)) == number, rows)
        return self.sum(jnp.sum(jnp.where(is_it, rows, 0), axis=0, dtype=rows.dtype))

    def before(self, rows: jax.Array, first: jax.Array) -> jax.Array:
        # Not `ppermute`: all devices of a mesh have to take part in it at once, including those
        # with other chains and other numbers of sweeps.
        of_device_before = self.around(rows[-1])[-1]
        shifted = jnp.concatenate([of_device_before[None], rows[:-1]])
        return jnp.where(beside(self.order(len(rows)) == 0, rows), first[None], shifted)

    def slide(self, rows: jax.Array, n_finished: jax.Array) -> jax.Array:
        n = len(rows)
        is_finished = beside(self.order(n) < n_finished, rows)
        return jnp.where(is_finished, self.at(rows, self.size(n) - 1)[None], rows)

    def around(self, value: Any) -> Any:
        here = lax.axis_index(self.axis)
        everywhere = lax.all_gather(value, self.axis)
        return jax.tree.map(lambda x: jnp.roll(x, -here, axis=0), everywhere)

    def room(self, length: int, n: int, row: Any) -> Any:
        n_windows = length // self.size(n) + 2
        return jax.tree.map(lambda x: jnp.zeros((n_windows, n, *x.shape), x.dtype), row)

    def put(self, room: jax.Array, rows: jax.Array) -> jax.Array:
        n = len(rows)
        window = (self.start + self.order(n)) // self.size(n)
        return room.at[window, jnp.arange(n)].set(rows)

    def put_one(self, room: jax.Array, row: jax.Array, n: int) -> jax.Array:
        here = self.start % self.size(n) - lax.axis_index(self.axis) * n
        is_here = (here >= 0) & (here < n)
        return room.at[self.start // self.size(n), jnp.where(is_here, here, n)].set(
            row, mode="drop"
        )

    def taken(self, room: jax.Array, length: int) -> jax.Array:
        rows = lax.all_gather(room, self.axis, axis=1, tiled=True)
        return rows.reshape(-1, *rows.shape[2:])[:length]


def place_of(axis: str | None, start: jax.Array | int) -> Place:
    """The location of the rows of a window that starts at this step; `axis` may share them."""
    return InOrder(start) if axis is None else Ring(start, axis)


def beside(flags: jax.Array, rows: jax.Array) -> jax.Array:
    """Flags of rows, with extra axes to broadcast against the rows."""
    return flags.reshape(-1, *[1] * (rows.ndim - 1))
