"""Registering dataclasses as pytrees."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import jax

_Class = TypeVar("_Class", bound=type)


def register_dataclass(cls: _Class, meta_fields: Sequence[str] = ()) -> _Class:
    """Register a dataclass as a pytree whose fields are children, but for static ones.

    In place of `jax.tree_util.register_dataclass`, for which structures of different classes with
    equally many fields are equal while their hashes differ (JAX 0.10 to 0.12): where two hashes
    happen to meet in a table, `jax.jit` runs what it compiled for the other class.

    Args:
        cls: a dataclass; instances are rebuilt by calling it.
        meta_fields: names of static fields, which must be hashable.
    """
    data_fields = [f.name for f in dataclasses.fields(cls) if f.name not in meta_fields]

    def flatten(instance: Any) -> tuple[list[Any], tuple[Any, ...]]:
        children = [getattr(instance, name) for name in data_fields]
        return children, tuple(getattr(instance, name) for name in meta_fields)

    def flatten_with_keys(instance: Any) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        children, static = flatten(instance)
        keys = map(jax.tree_util.GetAttrKey, data_fields)
        return list(zip(keys, children, strict=True)), static

    def unflatten(static: tuple[Any, ...], children: Iterable[Any]) -> Any:
        values = zip([*data_fields, *meta_fields], [*children, *static], strict=True)
        return cls(**dict(values))

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    return cls
