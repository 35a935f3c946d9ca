"""Programs compiled for a user's function, which go when the function goes."""

import collections
import dataclasses
import functools
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import jax

_MOST_WITHOUT_OWNER = 8

_Function = Callable[..., Any]
_Programs = dict[Hashable, _Function]

_LOCK = threading.RLock()
_OWNED: weakref.WeakKeyDictionary[Any, tuple[weakref.ref[Any], _Programs]]
_OWNED = weakref.WeakKeyDictionary()
_WITHOUT_OWNER: collections.OrderedDict[Hashable, _Function] = collections.OrderedDict()


def jit_of_function(*static_argnums: int) -> Callable[[_Function], _Function]:
    """`jax.jit` for what is made of a user's function; the programs live as long as that one.

    The first argument is static: a frozen dataclass whose field `function` is the user's, or
    `None`. `jax.jit` would keep it, and megabytes of programs, for good. Here a table refers to
    the user's function weakly, and so do its programs, which are found again for the same function
    or an equal one. Where the first argument is `None`, those of the last few kinds of arguments
    are kept.

    Args:
        *static_argnums: which of the other arguments are static, counted with the first.
    """
    others = tuple(number - 1 for number in static_argnums)

    def decorate(implementation: _Function) -> _Function:
        def compiled(of: Callable[[], Any]) -> _Function:
            def program(*arguments: Any) -> Any:
                return implementation(of(), *arguments)

            functools.update_wrapper(program, implementation, ("__module__", "__name__"), ())
            return jax.jit(program, static_argnums=others)

        @functools.wraps(implementation)
        def call(of: Any, *arguments: Any) -> Any:
            if of is None:
                kind = (implementation, jax.tree.structure(arguments))
                return _without_owner(kind, lambda: compiled(lambda: None))(*arguments)
            owner, programs = _owned(of.function)
            rest = dataclasses.replace(of, function=None)
            with _LOCK:
                if (implementation, rest) not in programs:
                    weak = _Weak(rest, weakref.ref(owner))
                    programs[implementation, rest] = compiled(weak)
                program = programs[implementation, rest]
            return program(*arguments)  # the owner, which this may trace, is alive as a local

        return call

    return decorate


@dataclasses.dataclass(frozen=True)
class _Weak:
    """Something made of a function, which is referred to weakly."""

    rest: Any
    function: weakref.ref[Any]

    def __call__(self) -> Any:
        return dataclasses.replace(self.rest, function=self.function())


def _owned(function: _Function) -> tuple[_Function, _Programs]:
    """The function, or an equal one that is alive, and its programs."""
    with _LOCK:
        reference, programs = _OWNED.get(function, (lambda: None, {}))
        owner = reference()
        if owner is None:
            owner, programs = function, {}
            _OWNED[function] = (weakref.ref(function), programs)
        return owner, programs


def _without_owner(kind: Hashable, compiled: Callable[[], _Function]) -> _Function:
    with _LOCK:
        if kind not in _WITHOUT_OWNER:
            _WITHOUT_OWNER[kind] = compiled()
        _WITHOUT_OWNER.move_to_end(kind)
        if len(_WITHOUT_OWNER) > _MOST_WITHOUT_OWNER:
            _WITHOUT_OWNER.popitem(last=False)
        return _WITHOUT_OWNER[kind]
