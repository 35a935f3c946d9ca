"""Bars and lines on stderr, and stderrs that fail: a run never ends with them."""

import functools
import io
import re
import sys
import types

import jax.numpy as jnp
import numpy as np
import pytest

import pmcmc
from pmcmc._util import progress


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


def shown(progress, kind, monkeypatch):
    monkeypatch.setattr(sys, "stderr", kind())
    run(progress)
    return sys.stderr.getvalue()


@pytest.mark.parametrize("progress", [True, None])
def test_a_bar_on_a_terminal(progress, monkeypatch):
    text = shown(progress, Terminal, monkeypatch)
    assert "pmcmc: 1 chain, preparing ..." in text
    assert "pmcmc: 1 chain, warm-up: 100%" in text
    assert "300/300" in text
    assert "% accepted, 1" in text
    assert text.endswith("\r")  # it is gone when the run is over


def test_lines_in_a_log(monkeypatch):
    lines = shown(True, io.StringIO, monkeypatch).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("pmcmc: 1 chain, warm-up: 60 of 60 steps, ")
    pattern = r"sampling: 300 of 300 steps, \d+% accepted, 1 evaluations/step, 0:00 left \(after"
    assert re.search(pattern, lines[1])


@pytest.mark.parametrize(
    ("solver", "of_sweeps"),
    [
        (pmcmc.ParallelNewton(), "2 steps/sweep"),
        # Of 4 steps 2 stand, as (1 - 0.5437**4) / (1 - 0.5437) = 2.
        (pmcmc.Speculative(), "54.4% predicted right"),
    ],
)
def test_a_line_a_minute(solver, of_sweeps, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    report = types.SimpleNamespace(
        calls=np.full(2, 30.0), sweeps=np.full(2, 5), evaluations=np.full(2, 20)
    )
    stats = {"is_accepted": np.ones((2, 10))}
    segment = types.SimpleNamespace(positions=np.zeros((2, 10, 3)), stats=stats, report=report)
    with progress.Progress(True, 2) as line:
        add = line.count("sampling", 1000, 100, types.SimpleNamespace(solver=solver))
        for _ in range(20):
            now[0] += 10.0
            add(segment)
    text = sys.stderr.getvalue()
    assert "\r" not in text
    first, *others = text.splitlines()
    assert len(others) == 2
    # 60 s for 60 of 900 steps.
    words = f"160 of 1,000 steps, 100% accepted, 3 evaluations/step, {of_sweeps}, 14:00 left"
    assert first == f"pmcmc: 2 chains, sampling: {words} (after 1:00)"


@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_nothing_where_it_is_off(kind, monkeypatch):
    assert shown(False, kind, monkeypatch) == ""


def test_nothing_in_a_log_unless_asked_for(monkeypatch):
    assert shown(None, io.StringIO, monkeypatch) == ""


def test_without_tqdm_there_are_lines(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert "sampling: 300 of 300 steps" in shown(True, Terminal, monkeypatch)
