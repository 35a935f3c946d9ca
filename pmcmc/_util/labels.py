"""Names of variables and axes that ArviZ and netCDF can hold."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

SAMPLE_DIMS = ("chain", "draw")

Groups = Mapping[str, Mapping[str, np.ndarray]]
AxisNames = Sequence[str | None]


def named_leaves(positions: Any) -> dict[str, Any]:
    """The leaves of a pytree by name: keys joined by dots, or `x` if there are none.

    Raises:
        ValueError: two leaves have the same name.
    """
    named: dict[str, Any] = {}
    for path, leaf in jax.tree.flatten_with_path(positions)[0]:
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        has_name = path and not isinstance(path[0], jax.tree_util.SequenceKey)
        name = name if has_name else f"x.{name}".rstrip(".")
        if name in named:
            raise _two_of(name)
        named[name] = leaf
    return named


def variable_names(names: Iterable[str]) -> dict[str, str]:
    """ArviZ's name of each variable: dots for slashes, `chain_` for `chain`.

    Raises:
        ValueError: two variables would have the same name.
    """
    labels: dict[str, str] = {}
    for name in names:
        label = _free(name.replace("/", "."), SAMPLE_DIMS)
        if label in labels.values():
            raise _two_of(label)
        labels[name] = label
    return labels


class Labels:
    """Names of the axes of all groups: from the user, else proposed names, else numbers.

    A proposed name gets an underscore if it is taken: by an axis of another length, a variable,
    `chain` or `draw`.

    Args:
        variables: ArviZ's names by our name.
        dims: names of axes after `(chain, draw)` from the user, by variable.

    Raises:
        ValueError: `dims` has an unknown variable, or something other than lists of names.
    """

    def __init__(
        self, variables: Mapping[str, str], dims: Mapping[str, Sequence[str | None]] | None
    ) -> None:
        self._taken = {*SAMPLE_DIMS, *variables.values()}
        self._dims = dict(dims or {})
        self._sizes: dict[str, int] = {}
        known = {**variables, **{label: label for label in variables.values()}}
        for name, given in self._dims.items():
            if name not in known:
                raise ValueError(
                    f"dims must have names of variables, which are {', '.join(known)}, got "
                    f"{name!r}: write dims={{{next(iter(known))!r}: [...]}}."
                )
            is_list = isinstance(given, Sequence) and not isinstance(given, str)
            if not is_list or not all(isinstance(dim, str | None) for dim in given):
                raise ValueError(
                    f"dims must have a list of names for {name!r}, got {given!r}: write "
                    f"dims={{{name!r}: ['group']}}."
                )
        self._dims = {known[name]: list(given) for name, given in self._dims.items()}

    def check_ranks(self, ranks: Mapping[str, int]) -> None:
        """Check that variables have as many axes as the user named.

        Args:
            ranks: number of axes after `(chain, draw)`, by ArviZ's name.

        Raises:
            ValueError: one has another number.
        """
        for label, given in self._dims.items():
            if len(given) != ranks[label]:
                example = [f"axis_{i}" for i in range(ranks[label])]
                raise ValueError(
                    f"dims must have {ranks[label]} names for {label!r}, one for each axis after "
                    f"(chain, draw), got {given}: write dims={{{label!r}: {example}}}."
                )

    def are_given(self, label: str) -> bool:
        """Whether the user named the axes of this variable."""
        return label in self._dims

    def of(self, label: str, shape: Sequence[int], proposed: AxisNames) -> list[str]:
        """Names of the axes of an array.

        Args:
            label: ArviZ's name of the variable.
            shape: without `(chain, draw)`.
            proposed: proposed names of its axes; `None` for axes without.

        Raises:
            ValueError: a name from the user is that of a variable, or of an axis of another length.
        """
        given = self._dims.get(label, ())
        names: list[str] = []
        for axis, size in enumerate(shape):
            mine = given[axis] if axis < len(given) else None
            theirs = proposed[axis] if axis < len(proposed) else None
            if mine is not None:
                self._check_given(label, mine, size, names)
                names.append(mine)
            else:
                names.append(self._free(theirs or f"{label}_dim_{axis}", size, names))
            self._sizes[names[-1]] = size
        return names

    def check_coords(self, coords: Mapping[str, Any]) -> None:
        """Check the coordinates from the user.

        Raises:
            ValueError: there is no such axis, or it has another length.
        """
        for name, values in coords.items():
            if np.ndim(values) != 1 or name in SAMPLE_DIMS:
                raise ValueError(
                    "coords must have lists of values for axes after (chain, draw), got "
                    f"{name!r}: {values!r}: write e.g. coords={{'group': ['a', 'b']}}."
                )
            if name not in self._sizes:
                raise ValueError(
                    f"coords must have names of axes, which are {', '.join(self._sizes)}, got "
                    f"{name!r}: write it in dims too, e.g. dims={{'x': [{name!r}]}}."
                )
            if len(values) != self._sizes[name]:
                raise ValueError(
                    f"coords must have {self._sizes[name]} values for {name!r}, the length of that "
                    f"axis, got {len(values)}: write coords={{{name!r}: "
                    f"range({self._sizes[name]})}}."
                )

    def _free(self, name: str, size: int, names: Sequence[str]) -> str:
        others = [dim for dim, other in self._sizes.items() if other != size]
        return _free(name.replace("/", "."), [*self._taken, *names, *others])

    def _check_given(self, label: str, name: str, size: int, names: Sequence[str]) -> None:
        reason = None
        if name in self._taken:
            reason = "which is the name of a variable or of an axis of all draws"
        elif name in names:
            reason = "which is the name of another axis of it"
        elif self._sizes.get(name, size) != size:
            reason = f"which is the name of an axis of {self._sizes[name]}, not {size}"
        if reason is not None:
            raise ValueError(
                f"dims must have other names for {label!r}, got {name!r}, {reason}: write "
                f"{name + '_'!r}."
            )


def _free(name: str, taken: Iterable[str]) -> str:
    taken = set(taken)
    while name in taken:
        name += "_"
    return name


def _two_of(name: str) -> ValueError:
    return ValueError(
        f"ArviZ cannot hold two variables with the name {name!r}, in which dots stand for nested "
        "keys and for slashes: rename one key of x0, or one site of the model."
    )
