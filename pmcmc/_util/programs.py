"""Programs compiled for a user's function, which go when the function goes."""

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
    """A compiled program, to be called in any thread, whatever settings of JAX's hold there.

    Settings such as `jax.enable_x64` belong to the thread that compiles; the arguments, arrays on
    the device, carry what is left of them.

    Args:
        program: of `jax.jit`.
        arguments: like those it is to be called with; placeholders will do.
        static: which of them are static.
        last: further arguments, the same in every call.
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
    """What `jit_of_function` makes."""

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
        # The owner, which this may trace, is alive as a local.
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
    """What `jit_of_kinds` makes."""

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
                # A new function each: what JAX keeps for a function goes with it.
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
    """`jax.jit` for what is made of a user's function; the programs live as long as that one.

    The first argument is static: a frozen dataclass whose field `function` is the user's, or
    `None`; a field `data` of it is traced, so that other data find the same program. `jax.jit`
    would keep it, and megabytes of programs, for good. Here a table refers to the user's function
    weakly, and so do its programs, which are found again for the same function or an equal one.
    For `None` see `jit_of_kinds`.

    Args:
        *static_argnums: which of the other arguments are static, counted with the first.
    """
    others = tuple(number - 1 for number in static_argnums)
    return lambda implementation: _OfFunction(implementation, others)


def jit_of_kinds(
    *static_argnums: int, compiler_options: dict[str, Any] | None = None
) -> Callable[[_Function], _OfKinds]:
    """`jax.jit` for functions of pytrees that may hold functions of users; few programs are kept.

    Programs are found again for arguments of the same structure. Those that were not used for
    longest go.

    Args:
        *static_argnums: which of the arguments are static.
        compiler_options: as for `jax.jit`.
    """
    return lambda implementation: _OfKinds(implementation, static_argnums, compiler_options)


def memory_of(of: Any, *about: Hashable) -> dict[Any, Any]:
    """What was found out about a user's function, kept as long as its programs.

    Args:
        of: as the first argument of what `jit_of_function` makes; of `None` nothing is kept.
        *about: which of its memories.
    """
    if of is None:
        return {}
    rest = dataclasses.replace(of, function=None, data=())
    with _LOCK:
        return _owned(of.function)[1].setdefault((memory_of, rest, *about), {})


def weakly_referable(function: _Function) -> _Function:
    """The function, or a new one in its place that programs can refer to weakly."""
    try:
        weakref.ref(function)
    except TypeError:  # an object with slots
        return functools.partial(function)
    return function


def _weakly(implementation: _Function, rest: Any, function: weakref.ref[Any]) -> _Function:
    """The implementation for something made of a function, which is referred to weakly."""

    @functools.wraps(implementation)
    def program(*arguments: Any) -> Any:
        *others, data = arguments
        of = dataclasses.replace(rest, function=function(), **({"data": data} if data else {}))
        return implementation(of, *others)

    return program


def _owned(function: _Function) -> tuple[_Function, _Programs]:
    """The function, or an equal one that is alive, and its programs."""
    with _LOCK:
        reference, programs = _OWNED.get(function, (lambda: None, {}))
        owner = reference()
        if owner is None:
            owner, programs = function, {}
            _OWNED[function] = (weakref.ref(function), programs)
        return owner, programs
