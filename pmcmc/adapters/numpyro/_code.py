"""The names in the code of a function, and whether objects belong to installed libraries."""

import dis
import functools
import itertools
import os
import site
import sys
import sysconfig
import types
from collections.abc import Iterator
from typing import Any

import jax
from numpyro.infer.reparam import Reparam
from numpyro.primitives import Messenger

_JITTED = type(jax.jit(lambda x: x))
_LOOKUPS = ("LOAD_GLOBAL", "LOAD_NAME")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM")
# With these, a function can read things that it does not name.
_INDIRECT = {"globals", "locals", "vars", "dir", "getattr", "eval", "exec", "compile"}
_INDIRECT |= {"__import__", "open", "input", "attrgetter", "environ", "getenv", "modules"}
_INDIRECT |= {"load", "loadtxt", "genfromtxt", "fromfile", "memmap", "read"}


def kind_of(value: Any) -> str:
    """The kind of a value that calls or holds other values; `"other"` if it does not."""
    if type(value) is types.FunctionType:
        return "function"
    if type(value) is types.ModuleType:
        return "module"
    if type(value) is functools.partial:
        return "partial"
    if type(value) is _JITTED:
        return "jitted"
    # NumPyro's handlers and reparameterizations are determined by their attributes.
    is_handler = isinstance(value, Messenger | Reparam) and _is_library_file(_file(type(value)))
    return "handler" if is_handler else "other"


def is_from_library(value: Any, own: str) -> bool:
    """Whether a value belongs to an installed library, or a library exports it under its name.

    Args:
        value: a module, function, class or other object.
        own: name of a package that does not count as a library.
    """
    if type(value) is types.ModuleType:
        return _root(value.__name__) != own and _is_library_module(value)
    name = getattr(value, "__module__", None)
    path = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if not isinstance(name, str) or not isinstance(path, str) or name not in sys.modules:
        return False
    module = sys.modules[name]
    found: Any = module
    for part in path.split("."):
        found = getattr(found, part, None)
    return found is value and _root(name) != own and _is_library_module(module)


def is_code_of_library(function: types.FunctionType, own: str) -> bool:
    """Whether the code of a function is in a library, as for results of `jax.vmap`."""
    is_own = _root(function.__globals__.get("__name__", "")) == own
    return not is_own and _is_library_file(function.__code__.co_filename)


def root_of(function: Any) -> str:
    """The package of a function."""
    while type(function) is functools.partial:
        function = function.func
    return _root(str(getattr(function, "__module__", "")))


def globals_read(code: types.CodeType) -> frozenset[str] | None:
    """Global names that code reads; `None` if it may read things that it does not name."""
    names = set()
    for instruction in _instructions(code):
        if instruction.opname == "IMPORT_NAME" and not _is_library_name(instruction.argval):
            return None
        if instruction.opname in _LOOKUPS:
            names.add(instruction.argval)
    named = names | attributes_read(code)
    is_indirect = bool(named & _INDIRECT) or any(name.startswith("read_") for name in named)
    return None if is_indirect else frozenset(names)


def handed_on(code: types.CodeType) -> frozenset[str]:
    """Names that code uses for more than looking up an attribute."""
    names = set()
    instructions = [*_instructions(code)]
    for one, following in itertools.zip_longest(instructions, instructions[1:]):
        is_load = one.opname in _LOOKUPS or one.opname.startswith("LOAD_DEREF")
        if is_load and (following is None or following.opname not in _ATTRIBUTES):
            names.add(one.argval)
    return frozenset(names)


def attributes_read(code: types.CodeType) -> frozenset[str]:
    """Names of the attributes that code looks up."""
    return frozenset(i.argval for i in _instructions(code) if i.opname in _ATTRIBUTES)


def _instructions(code: types.CodeType) -> Iterator[dis.Instruction]:
    yield from dis.get_instructions(code)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _instructions(constant)


def _root(name: str) -> str:
    return name.partition(".")[0]


def _is_library_name(name: str) -> bool:
    module = sys.modules.get(_root(name))
    return module is not None and _is_library_module(module)


def _is_library_module(module: types.ModuleType) -> bool:
    origin = getattr(getattr(module, "__spec__", None), "origin", None)
    return origin in ("built-in", "frozen") or _is_library_file(getattr(module, "__file__", None))


def _file(cls: type) -> str | None:
    return getattr(sys.modules.get(cls.__module__), "__file__", None)


def _is_library_file(file: str | None) -> bool:
    return file is not None and file.startswith(_library_folders())


@functools.cache
def _library_folders() -> tuple[str, ...]:
    folders = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders += [*site.getsitepackages(), site.getusersitepackages()]
    return ("<frozen ", *(os.path.join(folder, "") for folder in folders))
