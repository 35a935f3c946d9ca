"""Plots of how draws were computed, and of the costs."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from pmcmc._result import Result
from pmcmc._solve import Solution
from pmcmc.plots._style import COLORS, GREY, as_ax, as_axes, check_chain

_PARTS = ("compile", "setup", "warmup", "run")


def sweeps(result: Any, *, chain: int = 0, axes: Any = None) -> Any:
    """Residual before each sweep, and how far the chain is finished after it.

    Sweeps finish a chain from left to right; the second panel shows this front. If the window is
    shorter than the chain, the residual is that of the moving window. The plot ends where the
    record ends, or where steps were taken one at a time.

    Args:
        result: a result of `pmcmc.sample` or `pmcmc.solve` with a solver that keeps a record, such
            as `ParallelNewton(n_logged_sweeps=200)`.
        chain: index of the chain.
        axes: two axes to draw on; `None` for new ones.

    Returns:
        An array of two axes: residuals above, finished steps below.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the result has no record of sweeps, there is no such chain, or there are not two
            axes.
    """
    residual, finished = _record(result, chain)
    axes = as_axes(axes, 2, 1, figsize=(6, 4.5), sharex=True)
    count = np.arange(1, len(residual) + 1)
    # A sweep that starts from the solution has residual 0, which has no logarithm.
    positive = np.where(residual > 0, residual, np.nan)
    axes[0].semilogy(count, positive, color=COLORS[0])
    axes[0].set(ylabel="largest residual")
    axes[1].plot(count, finished, color=COLORS[1])
    axes[1].set(xlabel="sweep", ylabel="finished steps", ylim=(0, None))
    axes[1].locator_params(axis="x", integer=True)
    return axes


def scaling(runs: Mapping[str, Sequence[Result | Solution]], *, ax: Any = None) -> Any:
    """Number of sweeps against the length of the chain, with the loop's steps for comparison.

    Args:
        runs: results of `pmcmc.sample` or `pmcmc.solve` for chains of different lengths, by the
            name of their method.
        ax: where to draw; `None` for new axes.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there are no runs, or they are not results.
    """
    named = runs.values() if isinstance(runs, Mapping) else [None]
    if not named or not all(isinstance(results, list | tuple) and results for results in named):
        raise ValueError(
            f"runs must be lists of results by name, got {type(runs).__name__}: write "
            "scaling({'quasi': [short, long]})."
        )
    all_points = {name: sorted(map(_length_and_sweeps, results)) for name, results in runs.items()}
    ax = as_ax(ax, figsize=(5, 4))
    lengths = sorted({length for points in all_points.values() for length, _ in points})
    ax.loglog(lengths, lengths, color=GREY, linestyle="--", label="loop: a step at a time")
    for i, (name, points) in enumerate(all_points.items()):
        ax.loglog(*zip(*points, strict=True), color=COLORS[i % 4], marker="os^D"[i % 4], label=name)
    ax.set(xlabel="length of the chain (steps)", ylabel="sweeps, one after another")
    ax.legend()
    return ax


def seconds(runs: Mapping[str, Result], *, ax: Any = None) -> Any:
    """Where the time went: compilation, set-up, warm-up and run, one bar per result.

    Args:
        runs: results by name.
        ax: where to draw; `None` for new axes.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there are no runs, or they are not results of `pmcmc.sample`.
    """
    if not isinstance(runs, Mapping) or not runs:
        raise ValueError(
            f"runs must be results by name, got {type(runs).__name__}: write "
            "seconds({'quasi': result})."
        )
    for name, run in runs.items():
        if not hasattr(getattr(run, "info", None), "seconds_run"):
            raise ValueError(
                f"runs must be results of pmcmc.sample, got {type(run).__name__} for {name!r}, "
                "which has no times: write seconds({'quasi': result})."
            )
    ax = as_ax(ax, figsize=(6, 1.0 + 0.5 * len(runs)))
    names = list(runs)
    left = np.zeros(len(names))
    for part, color in zip(_PARTS, COLORS, strict=True):
        width = np.array([getattr(run.info, f"seconds_{part}") for run in runs.values()])
        label = {"setup": "set-up", "warmup": "warm-up"}.get(part, part)
        ax.barh(names, width, left=left, color=color, label=label)
        left += width
    ax.invert_yaxis()
    ax.set(xlabel="seconds")
    ax.legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    return ax


def _length_and_sweeps(run: Any) -> tuple[int, float]:
    if isinstance(run, Solution):
        n_batch = np.ndim(run.sweeps)  # axes of `jax.vmap` come before the steps
        length = np.shape(jax.tree.leaves(run.states)[0])[n_batch]
        return int(length), float(np.mean(run.sweeps))
    info: Any = getattr(run, "info", None)
    if not hasattr(info, "n_steps") or not hasattr(info, "sweeps"):
        raise ValueError(
            f"runs must hold results of pmcmc.sample or pmcmc.solve, got {type(run).__name__}: "
            "write scaling({'quasi': [short, long]})."
        )
    return info.n_steps, float(info.sweeps.mean())


def _record(result: Any, chain: int) -> tuple[np.ndarray, np.ndarray]:
    """Residual and finished steps after each sweep of all segments."""
    info = getattr(result, "info", result)
    logs = getattr(info, "sweep_log", [])
    residuals, finished, done = [], [], 0
    for log in logs if isinstance(logs, list) else [logs]:
        rows = [np.atleast_2d(np.asarray(rows)) for rows in (log.residual, log.finished)]
        check_chain(chain, len(rows[0]), "result")
        residual, front = (row[chain] for row in rows)
        seen = front >= 0
        if not seen.any():
            break
        residuals.append(residual[seen])
        finished.append(done + front[seen])
        done = int(finished[-1][-1])
        # Sweeps after the end of the record, or after single steps, have no known position.
        if seen.all() or np.atleast_1d(info.sequential_steps)[chain]:
            break
    if not finished:
        raise ValueError(
            f"result must have a record of its sweeps, got {type(result).__name__} without one: "
            "write solver=pmcmc.ParallelNewton(n_logged_sweeps=200)."
        )
    return np.concatenate(residuals), np.concatenate(finished)
