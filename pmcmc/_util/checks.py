"""Checks of arguments. Each error names the argument, its value, and what to write instead."""

import math
import numbers
import operator
from typing import Any

import jax
import numpy as np

_LARGEST_COUNT = 2**31 - 1
_LONGEST_TEXT = 80


def short(value: Any) -> str:
    """A value for a message, in at most one line."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # users' objects may be half initialized
        text = f"an instance of {type(value).__name__}"
    if len(text) <= _LONGEST_TEXT:
        return text
    shape = getattr(value, "shape", None)
    if shape:
        return f"an array of shape {shape} and dtype {value.dtype}"
    return text[: _LONGEST_TEXT - 3] + "..."


def first_line(error: Exception) -> str:
    """The first line of an error, with its type; the last line if it quotes a traceback."""
    lines = str(error).strip().splitlines() or [""]
    is_traced = lines[0].endswith("Traceback (most recent call last):")
    return f"{type(error).__name__}: {lines[-1] if is_traced else lines[0]}"


def is_concrete(value: Any) -> bool:
    """Whether `value` is an actual value, not a tracer or a placeholder in a pytree."""
    kinds = (numbers.Number, str, list, tuple, dict, np.ndarray, jax.Array)
    return isinstance(value, kinds) and not isinstance(value, jax.core.Tracer)


def is_among(value: Any, *choices: str | None) -> bool:
    """Whether `value` is one of the choices (names, or `None`)."""
    return (value is None or isinstance(value, str)) and value in choices


def check_positive(name: str, value: Any, example: str) -> None:
    """Raise unless `value` is a positive finite number."""
    check_above(name, value, 0.0, "a positive finite number", example)


def check_above(name: str, value: Any, bound: float, kind: str, example: str) -> None:
    """Raise unless `value` is a finite number above `bound`."""
    if value is None or (is_concrete(value) and not _is_number_above(value, bound)):
        raise ValueError(f"{name} must be {kind}, got {short(value)}: write {example}.")


def check_finite(name: str, value: Any, example: str) -> None:
    """Raise unless `value` is a finite number."""
    check_above(name, value, -np.inf, "a finite number", example)


def check_not_negative(name: str, value: Any, example: str) -> None:
    """Raise unless `value` is a finite number of at least 0."""
    is_zero = is_concrete(value) and not isinstance(value, bool) and np.array_equal(value, 0)
    if not is_zero:
        check_above(name, value, 0.0, "a finite number of at least 0", example)


def check_part(name: str, value: Any, example: str) -> None:
    """Raise if `value` cannot be an instance of one of our classes."""
    if value is None or is_concrete(value) or isinstance(value, type):
        raise ValueError(
            f"{name} must be an instance such as pmcmc.solvers.{example}, got {short(value)}: "
            f"write {name}=pmcmc.solvers.{example}."
        )


def check_flag(name: str, value: Any) -> None:
    """Raise unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, got {short(value)}: write {name}=True.")


def check_share(name: str, value: Any, example: str, is_whole_allowed: bool = False) -> None:
    """Raise unless `value` is a number from 0 up to 1, which itself may be allowed."""
    check_not_negative(name, value, example)
    if is_whole_allowed and not np.asarray(value) <= 1:
        raise ValueError(f"{name} must be at most 1, got {short(value)}: write {example}.")
    if not is_whole_allowed and not np.asarray(value) < 1:
        raise ValueError(f"{name} must be below 1, got {short(value)}: write {example}.")


def check_function(name: str, value: Any, example: str) -> None:
    """Raise unless `value` is a hashable function."""
    if not callable(value) or isinstance(value, type):
        raise ValueError(f"{name} must be a function, got {short(value)}: write {name}={example}.")
    check_hashable(name, value, "*args")


def check_hashable(name: str, value: Any, arguments: str) -> None:
    """Raise unless a user's function is hashable, so that its compiled code can be found again."""
    try:
        hash(value)
    except TypeError as error:
        raise ValueError(
            f"{name} must be hashable, so that its compiled code can be reused, got an instance of "
            f"{type(value).__name__}, which is not, e.g. because it holds arrays: write f = lambda "
            f"{arguments}: your_object({arguments}) once, and give that one function, {name}=f, to "
            "every call."
        ) from error


def check_count(name: str, value: Any, minimum: int = 1) -> int:
    """Raise unless `value` is an integer (Python, NumPy or JAX) of at least `minimum`.

    Returns:
        The value as a Python integer.
    """
    count = _as_integer(value)
    if count is None or count < minimum:
        kind = "a positive integer" if minimum == 1 else f"an integer of at least {minimum}"
        is_whole = isinstance(value, float) and value.is_integer() and value >= minimum
        meant = int(value) if is_whole else minimum
        raise ValueError(f"{name} must be {kind}, got {short(value)}: write e.g. {name}={meant}.")
    if count > _LARGEST_COUNT:
        raise ValueError(
            f"{name} must be at most {_LARGEST_COUNT}, got {count}: write a smaller number."
        )
    return count


def store_count(instance: Any, name: str, minimum: int = 1) -> None:
    """Check a count in a field of a frozen dataclass, and store it as a Python integer."""
    object.__setattr__(instance, name, check_count(name, getattr(instance, name), minimum))


def check_invertible(name: str, value: Any) -> None:
    """Raise unless `value` is a real square matrix with a reliable inverse."""
    example = f"write {name}=numpy.linalg.qr(matrix)[0], {name}='hessian' or {name}=None"
    if not isinstance(value, np.ndarray | jax.Array):
        raise ValueError(f"{name} must be an invertible matrix, got {short(value)}: {example}.")
    matrix = np.asarray(value)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.dtype.kind != "f":
        raise ValueError(
            f"{name} must be an invertible matrix of floating-point numbers, got an array of shape "
            f"{matrix.shape} and dtype {matrix.dtype}: {example}."
        )
    condition = np.linalg.cond(matrix) if np.isfinite(matrix).all() else math.inf
    if not condition < 0.1 / np.finfo(matrix.dtype).eps:
        raise ValueError(
            f"{name} must be an invertible matrix, got one of condition number {condition:.2g}: "
            f"{example}."
        )


def _is_number_above(value: Any, bound: float) -> bool:
    if not isinstance(value, numbers.Real | np.ndarray | jax.Array) or isinstance(value, bool):
        return False
    number = np.asarray(value)  # on the host: comparing a jax array would compile
    return number.ndim == 0 and bool(np.isfinite(number) and number > bound)


def _as_integer(value: Any) -> int | None:
    """The value as a Python integer; `None` if it is not an integer, or is a bool."""
    if isinstance(value, bool | np.bool_) or np.dtype(bool) == getattr(value, "dtype", None):
        return None
    try:
        return operator.index(value)
    except TypeError:  # also if it is traced
        return None
