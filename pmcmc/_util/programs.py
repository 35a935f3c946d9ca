"""Programs compiled for a user's function, which go when the function goes."""

import collections
import dataclasses
import functools
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import jax

_MOST_KINDS = 16

_Function = Callable[..., Any]
_Programs = dict[Hashable, _Function]

_LOCK = threading.RLock()
_OWNED: weakref.WeakKeyDictionary[Any, tuple[weakref.ref[Any], _Programs]]
_OWNED = weakref.WeakKeyDictionary()
_KINDS: collections.OrderedDict[Hashable, _Function] = collections.OrderedDict()


def jit_of_function(*static_argnums: int) -> Callable[[_Function], _Function]:
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

    def decorate(implementation: _Function) -> _Function:
        without = jit_of_kinds(*others)(
            functools.update_wrapper(functools.partial(implementation, None), implementation)
        )

        @functools.wraps(implementation)
        def call(of: Any, *arguments: Any) -> Any:
            if of is None:
                return without(*arguments)
            owner, programs = _owned(of.function)
            data = getattr(of, "data", ())
            rest = dataclasses.replace(of, function=None, **({"data": ()} if data else {}))
            with _LOCK:
                if (implementation, rest) not in programs:
                    program = _weakly(implementation, rest, weakref.ref(owner))
                    programs[implementation, rest] = jax.jit(program, static_argnums=others)
                program = programs[implementation, rest]
            # The owner, which this may trace, is alive as a local.
            return program(*arguments, data)

        return call

    return decorate


def jit_of_kinds(*static_argnums: int) -> Callable[[_Function], _Function]:
    """`jax.jit` for functions of pytrees that may hold functions of users; few programs are kept.

    Programs are found again for arguments of the same structure. Those that were not used for
    longest go.

    Args:
        *static_argnums: which of the arguments are static.
    """

    def decorate(implementation: _Function) -> _Function:
        @functools.wraps(implementation)
        def call(*arguments: Any) -> Any:
            kind = (implementation, jax.tree.structure(arguments))
            with _LOCK:
                if kind not in _KINDS:
                    # A new function each: what JAX keeps for a function goes with it.
                    own = functools.update_wrapper(
                        functools.partial(implementation), implementation
                    )
                    _KINDS[kind] = jax.jit(own, static_argnums=static_argnums)
                _KINDS.move_to_end(kind)
                if len(_KINDS) > _MOST_KINDS:
                    _KINDS.popitem(last=False)
                program = _KINDS[kind]
            return program(*arguments)

        return call

    return decorate


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
