"""Values as dictionary keys: keys are equal only if the values are known to be equal."""

import collections
import hashlib
from collections.abc import Callable, Hashable
from typing import Any

import jax
import numpy as np

from pmcmc.adapters.numpyro._code import (
    attributes_read,
    globals_read,
    handed_on,
    is_code_of_library,
    is_from_library,
    kind_of,
    root_of,
)

_BY_VALUE = (bool, int, str, bytes, type(None), type(...))
_BY_WORD = (float, complex, range)  # -0.0 equals 0.0, and `nan` does not equal itself
_NUMBERS = "biufcSUmM"
_PAIR = {*vars(collections.namedtuple("Pair", "")), "__orig_bases__", "__annotations__"}
_PAIR |= {"__annotate_func__", "__annotations_cache__", "__static_attributes__"}
_PAIR |= {"__firstlineno__"}


class _UnknownError(Exception):
    """A value cannot be compared reliably."""


def fingerprint(model: Callable[..., Any], arguments: Any) -> Hashable | None:
    """Everything that a model reads and is called with, by value; `None` if that is unknown.

    A model reads its closure, its defaults, the globals that its code names, and what functions
    among these read in turn. Libraries count as constant. Arrays, plain values and functions in
    built-in containers can be compared; objects of other classes and their methods cannot.

    Args:
        model: the function to call.
        arguments: its arguments.
    """
    walk = _Walk(root_of(model))
    try:
        return walk.key(model), walk.key(arguments)
    except _UnknownError:
        return None


class _Walk:
    """Computes keys of values that may refer to each other and to themselves.

    Args:
        own: the package of the model, which does not count as a library.
    """

    def __init__(self, own: str) -> None:
        self._own = own
        self._visited: dict[Hashable, int] = {}
        # Visited values must stay alive, or another value could get the same id.
        self._alive: list[Any] = []

    def key(self, value: Any, attributes: frozenset[str] = frozenset()) -> Hashable:
        """The key of a value from which a function reads these attributes.

        Raises:
            _UnknownError: it cannot be compared reliably.
        """
        if type(value) in _BY_VALUE:
            return type(value), value
        if type(value) in _BY_WORD:
            return type(value), repr(value)
        if isinstance(value, np.generic | np.ndarray | jax.Array):
            return _key_of_array(value)
        identity = (id(value), attributes if kind_of(value) == "module" else None)
        if identity in self._visited:
            return "again", self._visited[identity]
        self._visited[identity] = len(self._visited)
        self._alive.append(value)
        if is_from_library(value, self._own):
            return "library", id(value)
        cls: Any = type(value)
        if cls in (dict, collections.OrderedDict):
            return cls, *map(self.key, value), *map(self.key, value.values())
        if cls in (list, tuple) or _is_plain_named_tuple(cls):
            return cls, *map(self.key, value)
        if cls is slice:
            return slice, *map(self.key, (value.start, value.stop, value.step))
        return self._key_of_callable(value, attributes)

    def _key_of_callable(self, value: Any, attributes: frozenset[str]) -> Hashable:
        kind = kind_of(value)
        if kind == "module":
            if "__getattr__" in vars(value) or not attributes:
                raise _UnknownError  # other code may read any part of it
            names = sorted(attributes & vars(value).keys())
            return kind, *((name, self.key(vars(value)[name], attributes)) for name in names)
        if kind == "function":
            return self._key_of_function(value)
        if kind == "partial":
            return kind, *map(self.key, (value.func, value.args, value.keywords))
        if kind == "jitted":
            return kind, self.key(value.__wrapped__)
        if kind == "handler":
            return kind, type(value), self.key(vars(value))
        raise _UnknownError

    def _key_of_function(self, function: Any) -> Hashable:
        code = function.__code__
        read = [function.__defaults__, function.__kwdefaults__, vars(function)]
        names: list[str] = []
        if not is_code_of_library(function, self._own):
            looked_up = globals_read(code)
            if looked_up is None:
                raise _UnknownError
            names = sorted(looked_up & function.__globals__.keys())
        try:
            cells = [cell.cell_contents for cell in function.__closure__ or ()]
        except ValueError as error:  # not assigned yet
            raise _UnknownError from error
        outside = dict(zip(code.co_freevars, cells, strict=True))
        outside |= {name: function.__globals__[name] for name in names}
        for name in handed_on(code) & outside.keys():
            if kind_of(outside[name]) == "module" and not is_from_library(outside[name], self._own):
                raise _UnknownError
        read += [*cells, *(function.__globals__[name] for name in names)]
        attributes = attributes_read(code)
        return code, tuple(names), *(self.key(value, attributes) for value in read)


def _is_plain_named_tuple(cls: type) -> bool:
    """Whether a class is a named tuple without methods (which might read something else)."""
    fields = getattr(cls, "_fields", ())
    return cls.__bases__ == (tuple,) and vars(cls).keys() <= {*fields, *_PAIR}


def _key_of_array(array: Any) -> Hashable:
    if isinstance(array, jax.Array):
        if isinstance(array, jax.core.Tracer) or not array.is_fully_addressable:
            raise _UnknownError
        is_key = jax.numpy.issubdtype(array.dtype, jax.dtypes.prng_key)
        data = np.asarray(jax.random.key_data(array) if is_key else array)
        kind: Any = (jax.Array, not is_key and array.weak_type, array.sharding)
    else:
        # Other classes have state besides their bytes, and the bytes of objects are pointers.
        is_scalar = isinstance(array, np.generic) and type(array).__module__ == "numpy"
        is_void = array.dtype.kind == "V" and array.dtype.names is None
        is_known = is_scalar or type(array) is np.ndarray
        if not is_known or not (array.dtype.kind in _NUMBERS or is_void):
            raise _UnknownError
        data, kind = np.asarray(array), type(array)
    data = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
    digest = hashlib.blake2b(data.data).digest()
    return kind, str(array.dtype), array.shape, digest
