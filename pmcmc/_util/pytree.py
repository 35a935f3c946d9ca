"""Frozen dataclasses that are pytrees and compare by value."""

import dataclasses
from collections.abc import Hashable, Iterable
from typing import Any, ClassVar, dataclass_transform

import jax
import numpy as np


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
class Pytree:
    """Base class: every subclass becomes a frozen dataclass and a pytree when it is defined.

    Fields are leaves or subtrees, except static ones: `class HMC(Kernel, static=("jitter",))`.
    Static fields must be hashable; those of a base class stay static. Instances are rebuilt by
    calling the class. Two instances are equal if they have the same class and the same field
    values, including arrays; hashes are consistent with that.

    `jax.tree_util.register_dataclass` does not work here. In JAX 0.10 to 0.12 it makes structures
    of different classes equal if they have equally many fields, although their hashes differ. If
    two hashes collide in a table, `jax.jit` runs what it compiled for the other class.

    Args:
        static: names of static fields.
        kw_only: whether fields have to be named in a call.
    """

    _static: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(
        cls, static: tuple[str, ...] = (), kw_only: bool = False, **options: Any
    ) -> None:
        super().__init_subclass__(**options)
        cls._static = (*cls._static, *static)
        dataclasses.dataclass(frozen=True, eq=False, kw_only=kw_only)(cls)
        # An extra `@dataclass(frozen=True)` on a subclass, out of habit, changes nothing.
        del cls.__setattr__, cls.__delattr__
        cls.__eq__, cls.__hash__ = Pytree.__eq__, Pytree.__hash__  # type: ignore[method-assign]
        names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
        unknown = sorted({*static} - {*names})
        if unknown:
            raise ValueError(
                f"static of {cls.__name__} must be names of its fields, got {unknown}: write "
                "class YourKernel(Kernel, static=('field',))."
            )
        _register(cls, [name for name in names if name not in cls._static], list(cls._static))

    def __setattr__(self, name: str, value: Any) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self is other or _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash(_values(self))


def _register(cls: type, data_names: list[str], static_names: list[str]) -> None:
    def flatten(instance: Any) -> tuple[list[Any], tuple[Any, ...]]:
        children = [getattr(instance, name) for name in data_names]
        return children, tuple(getattr(instance, name) for name in static_names)

    def flatten_with_keys(instance: Any) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        children, static = flatten(instance)
        keys = map(jax.tree_util.GetAttrKey, data_names)
        return list(zip(keys, children, strict=True)), static

    def unflatten(static: tuple[Any, ...], children: Iterable[Any]) -> Any:
        values = zip([*data_names, *static_names], [*children, *static], strict=True)
        return cls(**dict(values))

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)


def _values(instance: Any) -> tuple[Hashable, ...]:
    leaves, structure = jax.tree.flatten(instance)
    return structure, *map(_value, leaves)


def _value(leaf: Any) -> Hashable:
    if isinstance(leaf, jax.core.Tracer):
        return id(leaf)  # it has no value yet
    array = np.asarray(leaf)
    return array.shape, tuple(array.ravel().tolist())
