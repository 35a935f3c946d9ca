"""Programs compiled for a user's function, and freed together with it."""

import collections
import dataclasses
import functools
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import jax
import jax.numpy as jnp

_MOST_KINDS = 16

_Function = Callable[..., Any]
_Programs = dict[Hashable, Any]

_LOCK = threading.RLock()
_OWNED: weakref.WeakKeyDictionary[Any, tuple[weakref.ref[Any], _Programs]]
_OWNED = weakref.WeakKeyDictionary()
_KINDS: collections.OrderedDict[Hashable, _Function] = collections.OrderedDict()


class Ready:
    """A compiled program that can be called in any thread, whatever JAX's settings are there.

    Settings such as `jax.enable_x64` only matter in the thread that compiles. After that, the
    arguments, arrays on the device, carry the dtypes.

    Args:
        program: the result of `jax.jit`.
        arguments: examples of the arguments of later calls; placeholders will do.
        static: indices of the static ones.
        last: further arguments, which are the same in every call.
    """

    def __init__(
        self, program: Any, arguments: tuple[Any, ...], static: tuple[int, ...], *last: Any
    ) -> None:
        self._static = static
        self._last = jax.tree.map(jnp.asarray, last)
        lowered = program.lower(*arguments, *last)
        self.out_info = lowered.out_info
        self._run = lowered.compile()

    def __call__(self, *arguments: Any) -> Any:
        rest = (x for i, x in enumerate(arguments) if i not in self._static)
        return self._run(*rest, *self._last)


class _OfFunction:
    """The result of `jit_of_function`."""

    def __init__(self, implementation: _Function, static: tuple[int, ...]) -> None:
        functools.update_wrapper(self, implementation)
        self._implementation = implementation
        self._static = static
        self._without = jit_of_kinds(*static)(
            functools.update_wrapper(functools.partial(implementation, None), implementation)
        )

    def __call__(self, of: Any, *arguments: Any) -> Any:
        if of is None:
            return self._without(*arguments)
        # This may trace the owner, so a local variable keeps it alive.
        program, data, _owner = self._find(of)
        return program(*arguments, data)

    def ready(self, of: Any, *arguments: Any) -> Ready:
        """The program for arguments like these."""
        if of is None:
            return self._without.ready(*arguments)
        program, data, _owner = self._find(of)
        return Ready(program, arguments, self._static, data)

    def _find(self, of: Any) -> tuple[_Function, Any, Any]:
        owner, programs = _owned(of.function)
        data = getattr(of, "data", ())
        rest = dataclasses.replace(of, function=None, **({"data": ()} if data else {}))
        with _LOCK:
            if (self._implementation, rest) not in programs:
                program = _weakly(self._implementation, rest, weakref.ref(owner))
                jitted = jax.jit(program, static_argnums=self._static)
                programs[self._implementation, rest] = jitted
            return programs[self._implementation, rest], data, owner


class _OfKinds:
    """The result of `jit_of_kinds`."""

    def __init__(
        self,
        implementation: _Function,
        static: tuple[int, ...],
        compiler_options: dict[str, Any] | None = None,
    ) -> None:
        functools.update_wrapper(self, implementation)
        self._implementation = implementation
        self._static = static
        self._compiler_options = compiler_options

    def __call__(self, *arguments: Any) -> Any:
        return self._find(arguments)(*arguments)

    def ready(self, *arguments: Any) -> Ready:
        """The program for arguments like these."""
        return Ready(self._find(arguments), arguments, self._static)

    def _find(self, arguments: tuple[Any, ...]) -> _Function:
        kind = (self._implementation, jax.tree.structure(arguments))
        with _LOCK:
            if kind not in _KINDS:
                # A new function each: JAX frees what it keeps for a function with the function.
                own = functools.update_wrapper(
                    functools.partial(self._implementation), self._implementation
                )
                _KINDS[kind] = jax.jit(
                    own, static_argnums=self._static, compiler_options=self._compiler_options
                )
            _KINDS.move_to_end(kind)
            if len(_KINDS) > _MOST_KINDS:
                _KINDS.popitem(last=False)
            return _KINDS[kind]


def jit_of_function(*static_argnums: int) -> Callable[[_Function], _OfFunction]:
    """`jax.jit` for objects that wrap a user's function; programs live as long as the function.

    The first argument is static: `None` (see `jit_of_kinds`), or a frozen dataclass with the user's
    function in its field `function`. A field `data` is traced, so other data reuse the program.
    `jax.jit` alone would keep the function, and megabytes of programs, forever. Here a table and
    the programs refer to the function weakly. They are found again for the same function or an
    equal one.

    Args:
        *static_argnums: which other arguments are static; the first argument counts too.
    """
    others = tuple(number - 1 for number in static_argnums)
    return lambda implementation: _OfFunction(implementation, others)


def jit_of_kinds(
    *static_argnums: int, compiler_options: dict[str, Any] | None = None
) -> Callable[[_Function], _OfKinds]:
    """`jax.jit` for pytrees that may hold users' functions; it keeps only a few programs.

    Arguments of the same structure reuse a program. The least recently used programs are dropped.

    Args:
        *static_argnums: which of the arguments are static.
        compiler_options: as for `jax.jit`.
    """
    return lambda implementation: _OfKinds(implementation, static_argnums, compiler_options)


def memory_of(of: Any, *about: Hashable) -> dict[Any, Any]:
    """A cache of facts about a user's function, kept as long as its programs.

    Args:
        of: as in the first argument of `jit_of_function`'s result; nothing is kept for `None`.
        *about: key of the cache.
    """
    if of is None:
        return {}
    rest = dataclasses.replace(of, function=None, data=())
    with _LOCK:
        return _owned(of.function)[1].setdefault((memory_of, rest, *about), {})


def weakly_referable(function: _Function) -> _Function:
    """The function, or a wrapper of it that programs can refer to weakly."""
    try:
        weakref.ref(function)
    except TypeError:  # an object with slots
        return functools.partial(function)
    return function


def _weakly(implementation: _Function, rest: Any, function: weakref.ref[Any]) -> _Function:
    """The implementation for an object that wraps a function, with a weak reference to it."""

    @functools.wraps(implementation)
    def program(*arguments: Any) -> Any:
        *others, data = arguments
        of = dataclasses.replace(rest, function=function(), **({"data": data} if data else {}))
        return implementation(of, *others)

    return program


def _owned(function: _Function) -> tuple[_Function, _Programs]:
    """The function, or an equal one that is still alive, and its programs."""
    with _LOCK:
        reference, programs = _OWNED.get(function, (lambda: None, {}))
        owner = reference()
        if owner is None:
            owner, programs = function, {}
            _OWNED[function] = (weakref.ref(function), programs)
        return owner, programs
