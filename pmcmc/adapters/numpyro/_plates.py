"""Which axes of a site belong to plates."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np


class Plate(NamedTuple):
    """A plate around a site.

    Args:
        name: name of the plate.
        dim: its axis, counted from the end of the batch: -1 for the last one before the event.
        size: its length.
    """

    name: str
    dim: int
    size: int


class Axes(NamedTuple):
    """What is known about the axes of a site.

    Args:
        plates: the plates around it.
        n_event: number of axes after those of plates; `None` for a deterministic site.
        event_names: names of the first of these, from `infer={"event_dims": [...]}`.
    """

    plates: tuple[Plate, ...]
    n_event: int | None
    event_names: tuple[str, ...]

    def names(self, shape: tuple[int, ...]) -> list[str | None]:
        """Names of the axes of the site's value; `None` for an axis without a name."""
        n_batch = self._guess(shape) if self.n_event is None else len(shape) - self.n_event
        names = self._batch_names(shape, n_batch)
        for axis, name in enumerate(self.event_names, n_batch):
            if axis < len(shape):
                names[axis] = name
        return names

    def names_without_event(self, shape: tuple[int, ...]) -> list[str | None]:
        """The same for one number per draw of the site, such as its log density."""
        return self._batch_names(shape, len(shape))

    def _batch_names(self, shape: tuple[int, ...], n_batch: int) -> list[str | None]:
        names: list[str | None] = [None] * len(shape)
        for plate in self._found(shape, n_batch):
            names[n_batch + plate.dim] = plate.name
        return names

    def _found(self, shape: tuple[int, ...], n_batch: int) -> list[Plate]:
        """Plates that have an axis; a value that is constant within a plate may have none."""
        axes = {plate: n_batch + plate.dim for plate in self.plates}
        return [p for p, i in axes.items() if 0 <= i < len(shape) and shape[i] == p.size]

    def _guess(self, shape: tuple[int, ...]) -> int:
        """A guess of the number of axes before the event of a deterministic site.

        Plates come first, as in ArviZ, unless another order matches more of them. The result
        exceeds the number of axes if the last ones before the event are missing.
        """
        depth = max((-plate.dim for plate in self.plates), default=0)
        fewer = reversed(range(min(depth, len(shape) + 1)))
        order = [*range(depth, len(shape) + 1), *fewer, *range(len(shape) + 1, depth + 1)]
        return max(order, key=lambda n_batch: len(self._found(shape, n_batch)))


def axes_of(site: Mapping[str, Any]) -> Axes:
    """The axes of a site of a trace."""
    plates = tuple(Plate(f.name, f.dim, f.size) for f in site["cond_indep_stack"])
    if site["type"] == "deterministic":
        return Axes(plates, None, ())
    n_event = min(site["fn"].event_dim, np.ndim(site["value"]))
    return Axes(plates, n_event, tuple(site["infer"].get("event_dims", ())))
