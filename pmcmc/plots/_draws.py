"""Plots of draws."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from pmcmc._result import Result
from pmcmc._run_info import RunInfo
from pmcmc._util import arviz_compat
from pmcmc._util.checks import check_count
from pmcmc.diagnostics._draws import as_dataset, series
from pmcmc.plots._style import COLORS, GREY, as_ax, as_axes, check_chain, import_pyplot

_GRID = 80
_LEVELS = np.array([-8.0, -4.5, -2.0, -0.5])  # one to four standard deviations of a normal


def trace(
    result: Any,
    reference: Any = None,
    *,
    var_name: str | None = None,
    chain: int = 0,
    n_draws: int = 400,
    ax: Any = None,
) -> Any:
    """Draws of one number against the step, with a reference, such as the loop's chain, below.

    Args:
        result: the result of `pmcmc.sample`, or other draws (see `pmcmc.diagnostics.compare`).
        reference: likewise, drawn as a broad line.
        var_name: a name of `summary()`, such as `"theta[3]"`; `None` for the first number.
        chain: index of the chain.
        n_draws: number of draws shown.
        ax: where to draw; `None` for new axes.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib, or ArviZ, a dependency of pmcmc, is not installed.
        ValueError: there is no such number or chain; the message lists the available ones. Or draws
            or `n_draws` cannot be used.
    """
    n_draws = check_count("n_draws", n_draws)
    name, draws = _series("result", result, var_name, chain)
    steps = _steps(result, len(draws))[:n_draws]
    ax = as_ax(ax, figsize=(7, 3))
    if reference is not None:
        _, theirs = _series("reference", reference, name, chain)
        their_steps = _steps(reference, len(theirs))
        their_steps = their_steps[their_steps <= steps[-1]]
        broad = {"color": COLORS[1], "linewidth": 4, "alpha": 0.6}
        ax.plot(their_steps, theirs[: len(their_steps)], label=_method(reference), **broad)
    ax.plot(steps, draws[: len(steps)], color=COLORS[0], linewidth=1, label=_method(result))
    ax.set(xlabel="step", ylabel=name)
    if reference is not None:
        ax.legend(loc="upper right")
    return ax


def iterates(
    results: Sequence[Result],
    logdensity: Callable[[jax.Array], jax.Array] | None = None,
    *,
    chain: int = 0,
    axes: Any = None,
) -> Any:
    """How sweeps build a chain in two dimensions, with one panel per number of sweeps.

    Args:
        results: runs of one chain that stopped after more and more sweeps over the whole chain,
            with `ParallelNewton(window=n_steps, max_sweeps=k + 1, fallback=None)` (the last sweep
            of a run only checks), and finally a finished run.
        logdensity: log density of a vector of two numbers, for its contours.
        chain: index of the chain.
        axes: where to draw, one for each result; `None` for new ones.

    Returns:
        An array of axes.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: positions do not have two numbers, there are no results or no such chain, or the
            number of axes is not the number of results.
    """
    paths = [_path(result, chain) for result in results]
    if not paths:
        raise ValueError("results must have at least one run, got none: write iterates([result]).")
    size = {"figsize": (3 * len(paths), 3.2), "sharex": True, "sharey": True}
    axes = as_axes(axes, 1, len(paths), **size)
    final = paths[-1]
    span = np.ptp(final, axis=0)
    low, high = final.min(axis=0) - 0.3 * span, final.max(axis=0) + 0.3 * span
    for ax, result, path in zip(axes, results, paths, strict=True):
        if logdensity is not None:
            _contours(ax, logdensity, low, high)
        ax.plot(*path.T, color=COLORS[0], linewidth=0.7, alpha=0.8)
        ax.plot(*path.T, color=COLORS[1], linestyle="none", marker=".", markersize=3)
        count = int(result.info.sweeps[chain]) - 1
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="first coordinate")
        ax.set_title(f"{count} sweep{'' if count == 1 else 's'}" if count >= 0 else "loop")
    axes[0].set_ylabel("second coordinate")
    return axes


def rank(result: Any, *, var_names: Sequence[str] | None = None) -> Any:
    """ArviZ's rank plots, one panel per number: chains that agree look alike.

    Args:
        result: the result of `pmcmc.sample`, or other draws (see `pmcmc.diagnostics.compare`).
        var_names: variables to show; `None` for all.

    Returns:
        An array of axes.

    Raises:
        ImportError: matplotlib, or ArviZ, a dependency of pmcmc, is not installed.
        ValueError: there is no such variable.
    """
    import_pyplot()
    draws = as_dataset("result", result)
    names = list(draws.data_vars)
    if var_names is not None and (isinstance(var_names, str) or not {*var_names} <= {*names}):
        raise ValueError(
            f"var_names must be a list of some of {names}, got {var_names!r}: write "
            f"var_names={names[:1]}."
        )
    return arviz_compat.plot_rank(draws, None if var_names is None else list(var_names))


def _method(run: Any) -> str:
    info = getattr(run, "info", None)
    if not isinstance(info, RunInfo):
        return type(run).__name__
    return "parallel in time" if info.sweeps.any() else "loop"


def _steps(run: Any, n_draws: int) -> np.ndarray:
    """The step after which each draw was kept."""
    info = getattr(run, "info", None)
    thin = info.thin if isinstance(info, RunInfo) else getattr(run, "thinning", 1)
    return thin * np.arange(1, n_draws + 1)


def _series(argument: str, run: Any, var_name: str | None, chain: int) -> tuple[str, np.ndarray]:
    """Label and draws of one number of one chain."""
    draws = as_dataset(argument, run)
    of_numbers = dict(series(draws))
    label = next(iter(of_numbers)) if var_name is None else var_name
    if label not in of_numbers:
        names = ", ".join(list(of_numbers)[:8]) + (", ..." if len(of_numbers) > 8 else "")
        raise ValueError(
            f"var_name must be one of {names} of {argument}, got {var_name!r}: write "
            f"var_name={next(iter(of_numbers))!r}."
        )
    check_chain(chain, draws.sizes["chain"], argument)
    return label, of_numbers[label][chain]


def _path(result: Result, chain: int) -> np.ndarray:
    """Positions of a chain as an array `(draw, 2)`."""
    if not isinstance(getattr(result, "info", None), RunInfo):
        raise ValueError(
            f"results must be those of pmcmc.sample, got {type(result).__name__}: write "
            "iterates([result])."
        )
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(result.positions)]
    check_chain(chain, len(leaves[0]), "results")
    path = np.concatenate([leaf[chain].reshape(leaf.shape[1], -1) for leaf in leaves], axis=1)
    if path.shape[1] != 2:
        raise ValueError(
            f"results must have positions of two numbers, got {path.shape[1]}: write "
            "plots.trace(result, loop) for one of them."
        )
    return path


def _contours(ax: Any, logdensity: Any, low: np.ndarray, high: np.ndarray) -> None:
    x, y = (np.linspace(*ends, _GRID) for ends in zip(low, high, strict=True))
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    heights = np.asarray(jax.vmap(logdensity)(grid)).reshape(_GRID, _GRID)
    levels = np.nanmax(heights) + _LEVELS
    ax.contour(x, y, heights, levels=levels, colors=GREY, linewidths=0.8, linestyles="solid")
