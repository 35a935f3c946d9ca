"""Exceptions that a user's callback raises inside a compiled program.

JAX turns them into text: the runtime's error quotes the traceback, and the exception itself goes
only to JAX's log. This module picks it up there.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator

from pmcmc._util.checks import first_line, short


class CallbackError(RuntimeError):
    """A callback raised an exception, which is the cause of this one."""


class ExplainedError(RuntimeError):
    """An error of our own callbacks; its message lacks only where the chains were."""


@contextlib.contextmanager
def callbacks_raise(where: Callable[[], str]) -> Iterator[None]:
    """While this is open, an exception in a callback becomes the cause of a short error.

    Args:
        where: says where it happened, for the message.

    Raises:
        CallbackError: a callback raised an exception. A `KeyboardInterrupt` and the like are
            raised unchanged.
    """
    seen = _Seen()
    logger = logging.getLogger("jax")
    logger.addHandler(seen)
    try:
        yield
    except Exception as error:
        cause = seen.cause_of(error)
        if cause is None:
            raise
        if not isinstance(cause, Exception):
            raise cause from None
        if isinstance(cause, ExplainedError):
            raise CallbackError(f"{cause}, {where()}") from cause.__cause__
        raise CallbackError(
            f"a callback raised {first_line(cause)}{_arguments(cause)} {where()}"
        ) from cause
    finally:
        logger.removeHandler(seen)


class _Seen(logging.Handler):
    """Keeps the exceptions that JAX logs, and lets all other records through."""

    def __init__(self) -> None:
        super().__init__()
        self.exceptions: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        exception = record.exc_info[1] if record.exc_info else None
        others = [*logging.getLogger("jax").handlers, *logging.getLogger().handlers]
        if exception is not None:
            self.exceptions.append(exception)
        elif all(isinstance(handler, _Seen) for handler in others) and logging.lastResort:
            logging.lastResort.handle(record)

    def cause_of(self, error: Exception) -> BaseException | None:
        """The exception that the runtime's error quotes; if several match, the one quoted in full.

        Other exceptions may be in the log: from a callback in another thread, or from JAX itself.
        """
        quoted = [e for e in reversed(self.exceptions) if _quotation(e) in str(error)]
        return max(quoted, key=lambda e: len(_quotation(e)), default=None)


def _quotation(exception: BaseException) -> str:
    """The last line of the traceback that the runtime prints."""
    message = str(exception).split("\0")[0]  # a C string ends there
    return f"\n{type(exception).__name__}: {message}".rstrip()


def _arguments(exception: BaseException) -> str:
    """The arguments of the callback: arrays passed to the first function outside JAX."""
    trace = exception.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_globals.get("__name__", "").split(".")[0] != "jax":
            names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
            given = {name: frame.f_locals.get(name) for name in names}
            arrays = [f"{k}={short(v)}" for k, v in given.items() if hasattr(v, "dtype")]
            return f" at {', '.join(arrays)}" if arrays else ""
        trace = trace.tb_next
    return ""
