"""The line on stderr, and stderrs that fail: a run never ends with them."""

import functools
import io
import sys

import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Breaking(Terminal):
    """A terminal that takes some writes and fails from then on."""

    def __init__(self, n_writes, error, fails_in="write"):
        super().__init__()
        self.n_left, self.error, self.fails_in = n_writes, error, fails_in

    def _spend(self, method):
        self.n_left -= method == "write"
        if self.n_left < 0 and method == self.fails_in:
            raise self.error

    def write(self, text):
        self._spend("write")
        return super().write(text)

    def flush(self):
        self._spend("flush")


class Vanishing(Terminal):
    """What `sys.stderr` is until the second write, as when a host application drops it."""

    n_writes = 0

    def write(self, text):
        self.n_writes += 1
        if self.n_writes == 2:
            sys.stderr = None
        return len(text)


class NoTerminal(Terminal):
    def isatty(self):
        raise OSError("the terminal is gone")


def closed():
    stream = Terminal()
    stream.close()
    return stream


class NoMethods:
    """Has neither `isatty` nor `write`."""


class OnlyWrite:
    """As objects that people put in the place of stderr: no `isatty`, no `flush`."""

    def write(self, text):
        return len(text)


# Each as a function, for a stream of its own in every test.
STREAMS = {
    "none": lambda: None,
    "closed": closed,
    "no methods": NoMethods,
    "only write": OnlyWrite,
    "isatty fails": NoTerminal,
    "vanishes": Vanishing,
    "another class of exception": lambda: Breaking(1, RuntimeError("session closed")),
    "flush fails": lambda: Breaking(1, BrokenPipeError(), "flush"),
} | {
    f"{type(error).__name__} after {n}": functools.partial(Breaking, n, error)
    for n in (0, 1, 3)
    for error in (OSError(5, "Input/output error"), BrokenPipeError())
}


def normal(x):
    return -0.5 * jnp.sum(x**2)


def run(progress):
    return pmcmc.sample(
        normal,
        np.zeros(2),
        300,
        kernel=pmcmc.MALA(0.5),
        n_warmup=60,
        solver="sequential",
        progress=progress,
    )


@pytest.fixture(scope="module")
def expected():
    return run(progress=False)


@pytest.mark.parametrize("progress", [True, None])
@pytest.mark.parametrize("name", STREAMS)
def test_no_stderr_ends_a_run(name, progress, expected, monkeypatch):
    monkeypatch.setattr(sys, "stderr", STREAMS[name]())
    result = run(progress)
    np.testing.assert_array_equal(result.positions, expected.positions)
    assert str(result.info.kernel) == str(expected.info.kernel)


@pytest.mark.parametrize("name", ["none", "closed", "BrokenPipeError after 1"])
def test_nor_another_front_door(name, monkeypatch):
    monkeypatch.setattr(sys, "stderr", STREAMS[name]())
    assert not pmcmc.plan(normal, np.zeros(2), 100, kernel=pmcmc.MALA(0.5), progress=True).changes
    pmcmc.warmup(normal, np.zeros(2), n_steps=60, solver="sequential", progress=True)


def test_an_error_is_the_users_whatever_stderr_does(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Breaking(1, BrokenPipeError()))
    with pytest.raises(ValueError, match="logdensity must be finite at x0"):
        pmcmc.sample(
            lambda x: jnp.sum(jnp.log(x)), -np.ones(2), 10, kernel=pmcmc.MALA(0.5), progress=True
        )


def test_the_line_is_shown_on_terminals_and_where_asked_for(monkeypatch):
    texts = {}
    for progress in (True, None, False):
        for kind in (Terminal, io.StringIO):
            monkeypatch.setattr(sys, "stderr", kind())
            run(progress)
            texts[progress, kind] = sys.stderr.getvalue()
    for text in (texts[True, Terminal], texts[True, io.StringIO], texts[None, Terminal]):
        assert "pmcmc: 1 chain, preparing" in text
        assert "sampling: 300 of 300 steps" in text
        assert text.endswith("\n")
    for text in (texts[False, Terminal], texts[False, io.StringIO], texts[None, io.StringIO]):
        assert text == ""
