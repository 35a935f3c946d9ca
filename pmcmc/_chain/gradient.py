"""The faster mode for the gradient of a log density: reverse or forward."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._chain.density import FlatLogDensity
from pmcmc._chain.gradient_seconds import MODES, rough_seconds, seconds_of_both
from pmcmc._chain.layout import Layout
from pmcmc._chain.problem import Problem, contents
from pmcmc._util.checks import first_line, is_among, short
from pmcmc._util.jaxprs import Contents, contents_of
from pmcmc._util.programs import memory_of
from pmcmc.kernels import Kernel

_MOST_DIM = 30  # forward mode carries D derivatives
_WORTH_SECONDS = 3.0  # for all gradients of a run: timing compiles two programs
_MARGIN = 1.2  # factor by which forward mode has to be faster


class Evidence(NamedTuple):
    """What is known about the gradient of a log density.

    Args:
        dim: numbers in a position.
        contents: of the traced log density and its derivatives.
        possible: modes in which JAX can compute it.
        seconds: for one gradient of all chains in one program, by mode; empty if not measured.
        rough_seconds: for one reverse-mode gradient of all chains, if measured.
        n_gradients: number of gradients of one chain, in all runs so far.
    """

    dim: int
    contents: Contents
    possible: tuple[str, ...]
    seconds: Mapping[str, float]
    rough_seconds: float | None = None
    n_gradients: float = 0.0


def check_gradient_mode(value: Any) -> None:
    """Raise unless `value` is a gradient mode."""
    if not is_among(value, "auto", "reverse", "forward"):
        raise ValueError(
            f"gradient_mode must be 'auto', 'reverse' or 'forward', got {short(value)}: write "
            "gradient_mode='auto'."
        )


def may_gain(evidence: Evidence) -> bool:
    """Whether both modes can be timed, and forward mode may be faster."""
    inside, both = evidence.contents, len(evidence.possible) == 2
    return both and inside.has_loop and not inside.has_callback and evidence.dim <= _MOST_DIM


def is_worth_timing(seconds: float, n_gradients: float) -> bool:
    """Whether a run is long enough to find out which mode is faster.

    Args:
        seconds: for a gradient in reverse mode.
        n_gradients: number of gradients in the run, one after another.
    """
    return seconds * n_gradients >= _WORTH_SECONDS


def chosen_mode(evidence: Evidence) -> str:
    """Reverse mode, unless it is impossible or forward mode is clearly faster."""
    if "reverse" not in evidence.possible:
        return "forward" if evidence.possible else "reverse"
    if not may_gain(evidence) or not evidence.seconds:
        return "reverse"
    is_faster = _MARGIN * evidence.seconds["forward"] < evidence.seconds["reverse"]
    return "forward" if is_faster else "reverse"


def with_possible_mode(problem: Problem, kernel: Kernel, asked: str, layout: Layout) -> Problem:
    """The problem with a gradient mode that works, found by tracing.

    Args:
        problem: what is sampled.
        kernel: for flat positions.
        asked: `"auto"`, or a mode.
        layout: of the chains.

    Raises:
        ValueError: the requested mode does not work, but the other one does.
    """
    if problem.logdensity is None or not (kernel.uses_gradient or asked != "auto"):
        return problem
    if asked == "auto":
        return _with_mode(problem, chosen_mode(_evidence(problem, layout)))
    error = _why_not(problem, asked)
    other = "forward" if asked == "reverse" else "reverse"
    if kernel.uses_gradient and error is not None and _why_not(problem, other) is None:
        raise ValueError(
            f"gradient_mode={asked!r} does not work, because JAX cannot differentiate logdensity "
            f"in {asked} mode ({first_line(error)}): write gradient_mode='auto'."
        ) from error
    return _with_mode(problem, asked)


def with_faster_mode(
    problem: Problem,
    kernel: Kernel,
    n_steps: float,
    layout: Layout,
    clock: Callable[[], float] = time.perf_counter,
) -> Problem:
    """The problem with the faster gradient mode, if the runs so far are long enough to find out.

    Measurements are kept for as long as the user's function lives. Gradients are timed the way the
    chain uses them. They run inside a loop, where some are several times slower or faster than on
    their own, and for as many chains as are in one program, since `jax.vmap` slows loops down.

    Args:
        problem: from `with_possible_mode`, its start checked.
        kernel: for flat positions.
        n_steps: of a chain, in all.
        layout: of the chains, as their run begins.
        clock: seconds.
    """
    if problem.logdensity is None or not kernel.uses_gradient:
        return problem
    evidence = _evidence(problem, layout)
    if may_gain(evidence) and not evidence.seconds:
        inner = kernel.inner_steps(problem.logdensity)
        n_gradients = evidence.n_gradients + n_steps * (1 if inner is None else inner.length)
        evidence = evidence._replace(n_gradients=n_gradients)
        n_in_turn = n_gradients * layout.n_rounds(len(problem.positions))
        # First with a program that exists already: of all chains, whatever their layout.
        rough = evidence.rough_seconds
        if rough is None:
            rough = rough_seconds(problem, kernel, clock)
            evidence = evidence._replace(rough_seconds=rough)
        if is_worth_timing(rough, n_gradients):
            part = problem._replace(positions=problem.positions[: layout.block])
            seconds = seconds_of_both(part, clock, lambda s: is_worth_timing(s, n_in_turn))
            evidence = evidence._replace(seconds=seconds)
        _notes(problem)[_key(problem, layout)] = evidence
    problem = _with_mode(problem, chosen_mode(evidence))
    return problem._replace(gradient_seconds=evidence.seconds)


def _with_mode(problem: Problem, mode: str) -> Problem:
    return problem._replace(logdensity=_in_mode(problem.logdensity, mode))


def _in_mode(logdensity: FlatLogDensity | None, mode: str) -> FlatLogDensity:
    assert logdensity is not None
    return dataclasses.replace(logdensity, gradient_mode=mode)


def _notes(problem: Problem) -> dict[Any, Evidence]:
    assert problem.logdensity is not None
    return memory_of(_in_mode(problem.logdensity, "reverse"), Evidence)


def _key(problem: Problem, layout: Layout) -> Any:
    """What the evidence depends on, apart from the user's function."""
    density, positions = problem.logdensity, problem.positions
    assert density is not None
    data = tuple((np.shape(leaf), jnp.result_type(leaf)) for leaf in jax.tree.leaves(density.data))
    shape = (layout.block, positions.shape[1])
    return (density.unravel, data, shape, positions.dtype, str(positions.device))


def _evidence(problem: Problem, layout: Layout) -> Evidence:
    """What tracing shows, and earlier measurements."""
    notes, key = _notes(problem), _key(problem, layout)
    if key not in notes:
        notes[key] = _traced_evidence(problem)
    return notes[key]


def _traced_evidence(problem: Problem) -> Evidence:
    assert problem.logdensity is not None
    start = problem.positions[0]
    found = contents(problem)
    if not found.has_loop:
        return Evidence(start.size, found, ("reverse",), {})
    possible = []
    for mode in MODES:
        try:
            inside = contents_of(_trace(problem, mode))
        except Exception:  # of any kind: the user's own rules run here
            continue
        possible.append(mode)
        found = found._replace(has_callback=found.has_callback or inside.has_callback)
    return Evidence(start.size, found, tuple(possible), {})


def _why_not(problem: Problem, mode: str) -> Exception | None:
    try:
        _trace(problem, mode)
    except Exception as error:
        return error
    return None


def _trace(problem: Problem, mode: str) -> Any:
    # Batched, as in programs: some rules lack only that.
    gradient = jax.vmap(_in_mode(problem.logdensity, mode).value_and_grad)
    return jax.make_jaxpr(gradient)(problem.positions[:1])
