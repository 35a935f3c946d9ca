"""Registering dataclasses as pytrees."""

import dataclasses
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

import jax
import numpy as np

_Class = TypeVar("_Class", bound=type)


def register_dataclass(cls: _Class, meta_fields: Sequence[str] = ()) -> _Class:
    """Register a dataclass as a pytree whose fields are children, but for static ones.

    In place of `jax.tree_util.register_dataclass`, for which structures of different classes with
    equally many fields are equal while their hashes differ (JAX 0.10 to 0.12): where two hashes
    happen to meet in a table, `jax.jit` runs what it compiled for the other class.

    Instances are equal if they are of one class and their fields have the same values, arrays
    included, and their hashes are in step with that.

    Args:
        cls: a dataclass; instances are rebuilt by calling it.
        meta_fields: names of static fields, which must be hashable; fields marked
            `field(metadata=dict(static=True))` are static too.
    """
    fields = dataclasses.fields(cls)
    static_fields = {*meta_fields, *(f.name for f in fields if f.metadata.get("static"))}
    meta_names = [f.name for f in fields if f.name in static_fields]
    data_fields = [f.name for f in fields if f.name not in static_fields]

    def flatten(instance: Any) -> tuple[list[Any], tuple[Any, ...]]:
        children = [getattr(instance, name) for name in data_fields]
        return children, tuple(getattr(instance, name) for name in meta_names)

    def flatten_with_keys(instance: Any) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        children, static = flatten(instance)
        keys = map(jax.tree_util.GetAttrKey, data_fields)
        return list(zip(keys, children, strict=True)), static

    def unflatten(static: tuple[Any, ...], children: Iterable[Any]) -> Any:
        values = zip([*data_fields, *meta_names], [*children, *static], strict=True)
        return cls(**dict(values))

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    cls.__eq__ = _is_equal  # type: ignore[method-assign, assignment]
    cls.__hash__ = _hash  # type: ignore[method-assign, assignment]
    return cls


def _is_equal(self: Any, other: Any) -> Any:
    if type(self) is not type(other):
        return NotImplemented
    return self is other or _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash(_values(self))


def _values(instance: Any) -> tuple[Hashable, ...]:
    leaves, structure = jax.tree.flatten(instance)
    return structure, *map(_value, leaves)


def _value(leaf: Any) -> Hashable:
    if isinstance(leaf, jax.core.Tracer):
        return id(leaf)  # it has no value yet
    array = np.asarray(leaf)
    return array.shape, tuple(array.ravel().tolist())
