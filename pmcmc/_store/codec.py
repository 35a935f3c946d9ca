"""Pytrees of this package as self-describing bytes; reading them executes nothing.

Arrays are in NumPy's format, the rest is JSON. The only classes are those of this package: its
pytrees, named tuples and enumerations. Numbers come back bit for bit.
"""

import dataclasses
import enum
import io
import json
import sys
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

_PACKAGE = "pmcmc."


class NotStorableError(ValueError):
    """Something cannot be stored, such as a function or an instance of a user's class."""


def pack(tree: Any) -> bytes:
    """Encode a tree of arrays, numbers, strings, containers and instances of our classes.

    Raises:
        NotStorableError: the tree contains something else.
    """
    arrays: list[np.ndarray] = []
    text = json.dumps(_encoded(tree, arrays))
    file = io.BytesIO()
    named = {f"array_{i}": array for i, array in enumerate(arrays)}
    np.savez(file, tree=np.frombuffer(text.encode(), np.uint8), **named)  # type: ignore[arg-type]
    return file.getvalue()


def unpack(data: bytes) -> Any:
    """Decode what `pack` encoded, with arrays as NumPy arrays.

    Raises:
        ValueError: the bytes are not from `pack`.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return _decoded(json.loads(arrays["tree"].tobytes()), arrays)


def _encoded(value: Any, arrays: list[np.ndarray]) -> Any:
    def each(values: Any) -> list[Any]:
        return [_encoded(x, arrays) for x in values]

    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return {"float": value.hex()}
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        arrays.append(np.asarray(value))
        return {"array": len(arrays) - 1, "is_scalar": isinstance(value, np.generic)}
    if isinstance(value, np.dtype):
        return {"dtype": value.str}
    if kind in (list, tuple):
        return {kind.__name__: each(value)}
    if isinstance(value, Mapping):
        return {"dict": [each(pair) for pair in value.items()]}
    if not _is_ours(kind):
        raise NotStorableError(f"an instance of {kind.__qualname__}")
    name = f"{kind.__module__}:{kind.__qualname__}"
    if isinstance(value, enum.Enum):
        return {"class": name, "value": value.value}
    # Functions cannot be stored; defaults of the class do not have to be.
    defaults = _defaults(kind)
    given = {key: getattr(value, key) for key in _fields(kind)}
    given = {k: x for k, x in given.items() if not (callable(x) and defaults.get(k) is x)}
    return {"class": name, "fields": [[key, _encoded(x, arrays)] for key, x in given.items()]}


def _decoded(code: Any, arrays: Any) -> Any:
    def each(codes: Any) -> list[Any]:
        return [_decoded(x, arrays) for x in codes]

    if not isinstance(code, dict):
        return code
    match code:
        case {"float": text}:
            return float.fromhex(text)
        case {"array": index, "is_scalar": is_scalar}:
            array = arrays[f"array_{index}"]
            return array[()] if is_scalar else array
        case {"dtype": text}:
            return np.dtype(text)
        case {"list": codes}:
            return each(codes)
        case {"tuple": codes}:
            return tuple(each(codes))
        case {"dict": pairs}:
            return dict(map(each, pairs))
        case {"class": name, "value": value}:
            return _class(name)(value)
    fields = {key: _decoded(x, arrays) for key, x in code["fields"]}
    return _class(code["class"])(**fields)


def _class(name: str) -> Any:
    """A class of this package by its name, without importing anything."""
    module, _, attribute = name.partition(":")
    found = getattr(sys.modules.get(module), attribute, None)
    if not isinstance(found, type) or not _is_ours(found):
        raise ValueError(f"there is no class {name} here")
    return found


def _is_ours(kind: type) -> bool:
    is_plain = dataclasses.is_dataclass(kind) or issubclass(kind, enum.Enum)
    is_plain |= issubclass(kind, tuple) and hasattr(kind, "_fields")
    return kind.__module__.startswith(_PACKAGE) and is_plain


def _defaults(kind: Any) -> dict[str, Any]:
    if hasattr(kind, "_field_defaults"):
        return dict(kind._field_defaults)
    return {field.name: field.default for field in dataclasses.fields(kind)}


def _fields(kind: Any) -> list[str]:
    if hasattr(kind, "_fields"):
        return list(kind._fields)
    return [field.name for field in dataclasses.fields(kind)]
