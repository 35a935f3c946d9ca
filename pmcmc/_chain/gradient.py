"""How the gradient of a log density is taken: in reverse or in forward mode, by what is faster."""

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

_MOST_DIM = 30  # forward mode carries as many derivatives along
_WORTH_SECONDS = 3.0  # of all gradients of a run: to find out takes the compiling of two programs
_MARGIN = 1.2  # by which forward mode has to be faster


class Evidence(NamedTuple):
    """What is known of the gradient of a log density.

    Args:
        dim: numbers in a position.
        contents: of the traced log density; a callback in a derivative counts.
        possible: ways in which JAX can take it.
        seconds: of one gradient, of the chains of one program together, by way, where it was
            measured.
        rough_seconds: of one gradient of all chains in reverse mode, where that was measured.
    """

    dim: int
    contents: Contents
    possible: tuple[str, ...]
    seconds: Mapping[str, float]
    rough_seconds: float | None = None


def check_gradient_mode(value: Any) -> None:
    """Raise unless it is one."""
    if not is_among(value, "auto", "reverse", "forward"):
        raise ValueError(
            f"gradient_mode must be 'auto', 'reverse' or 'forward', got {short(value)}: write "
            "gradient_mode='auto'."
        )


def may_gain(evidence: Evidence) -> bool:
    """Whether forward mode may be faster, and both can be timed."""
    inside, both = evidence.contents, len(evidence.possible) == 2
    return both and inside.has_loop and not inside.has_callback and evidence.dim <= _MOST_DIM


def is_worth_timing(seconds: float, n_gradients: float) -> bool:
    """Whether a run is long enough for finding out which way is faster.

    Args:
        seconds: of a gradient in reverse mode.
        n_gradients: as many follow one another in the run.
    """
    return seconds * n_gradients >= _WORTH_SECONDS


def chosen_mode(evidence: Evidence) -> str:
    """The way to go: reverse mode, unless it cannot be or forward mode is clearly faster."""
    if "reverse" not in evidence.possible:
        return "forward" if evidence.possible else "reverse"
    if not may_gain(evidence) or not evidence.seconds:
        return "reverse"
    is_faster = _MARGIN * evidence.seconds["forward"] < evidence.seconds["reverse"]
    return "forward" if is_faster else "reverse"


def with_possible_mode(problem: Problem, kernel: Kernel, asked: str, layout: Layout) -> Problem:
    """The problem with a way of the gradient that JAX can take, found by tracing.

    Args:
        problem: what is sampled.
        kernel: for flat positions.
        asked: `"auto"`, or the way to go.
        layout: of the chains.

    Raises:
        ValueError: JAX cannot go the way that was asked for, but the other one.
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
    """The problem with the faster way of the gradient, where it is worth finding out.

    What was measured is remembered as long as the user's function lives. Gradients are timed as
    the chain takes them: inside of a loop, where some are several times slower or faster than on
    their own, and of as many chains as are in one program, since loops lose most under `jax.vmap`.

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
        n_gradients = n_steps * (1 if inner is None else inner.length)
        n_in_turn = n_gradients * layout.n_rounds(len(problem.positions))
        # First by a program that is there already: of all chains, whatever their layout.
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
    """What the evidence depends on, beside the user's function."""
    density, positions = problem.logdensity, problem.positions
    assert density is not None
    data = tuple((np.shape(leaf), jnp.result_type(leaf)) for leaf in jax.tree.leaves(density.data))
    shape = (layout.block, positions.shape[1])
    return (density.unravel, data, shape, positions.dtype, str(positions.device))


def _evidence(problem: Problem, layout: Layout) -> Evidence:
    """What tracing tells, and what was measured before."""
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
        except Exception:  # of whatever kind: rules of the user's take part
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
    # Batched, as programs do it: some rules lack only that.
    gradient = jax.vmap(_in_mode(problem.logdensity, mode).value_and_grad)
    return jax.make_jaxpr(gradient)(problem.positions[:1])
