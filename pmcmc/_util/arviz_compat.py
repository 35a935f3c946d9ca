"""Conversion to ArviZ. The only file that knows which ArviZ is installed.

ArviZ is a dependency: it is installed with pmcmc. It is imported only when a result is converted,
so that sampling runs where only JAX and NumPy are installed.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pmcmc._util.checks import first_line
from pmcmc._util.labels import SAMPLE_DIMS, AxisNames, Groups, Labels, variable_names

# ArviZ's names of sample statistics, where they differ from BlackJAX's.
_STAT_NAMES = {
    "logdensity": "lp",
    "is_divergent": "diverging",
    "num_integration_steps": "n_steps",
}
_DATA = ("observed_data", "constant_data")  # groups without draws

_Axes = Mapping[str, Mapping[str, AxisNames]]


def to_arviz(
    posterior: Mapping[str, np.ndarray],
    stats: Mapping[str, np.ndarray],
    attrs: Mapping[str, Any],
    *,
    groups: Groups | None = None,
    axes: _Axes | None = None,
    dims: Mapping[str, AxisNames] | None = None,
    coords: Mapping[str, Any] | None = None,
) -> Any:
    """The installed ArviZ's container: a `DataTree` from version 1.0, else `InferenceData`.

    Args:
        posterior: draws by name, leading axes `(chain, draw)`.
        stats: statistics by name, axes `(chain, draw)`.
        attrs: attributes of the posterior group.
        groups: more variables, by group and name; all but data have the same leading axes.
        axes: proposed names of axes, by group and variable; `None` for axes without.
        dims: names of axes from the user, by variable.
        coords: coordinates from the user, by axis.

    Raises:
        ImportError: ArviZ, a dependency of pmcmc, is not installed.
        ValueError: names clash, or `dims` or `coords` do not fit.
    """
    arviz = import_arviz()
    groups = {"posterior": posterior, **(groups or {})}
    names = variable_names(dict.fromkeys(name for group in groups.values() for name in group))
    labels = Labels(names, dims)
    labels.check_ranks(_ranks(groups, names))
    all_dims = _all_dims(labels, groups, names, axes or {})
    labels.check_coords(coords or {})
    tables = {
        group: {names[name]: np.asarray(values) for name, values in variables.items()}
        for group, variables in groups.items()
    }
    tables["sample_stats"] = {stat_name(name): value for name, value in stats.items()}
    datasets = {
        group: _dataset(
            arviz,
            variables,
            attrs=dict(attrs) if group == "posterior" else None,
            coords=dict(coords or {}),
            dims=all_dims.get(group, {}),
            sample_dims=_sample_dims(group),
        )
        for group, variables in tables.items()
        if variables
    }
    return _container(arviz, datasets)


def _all_dims(
    labels: Labels, groups: Groups, names: Mapping[str, str], axes: _Axes
) -> dict[str, dict[str, list[str]]]:
    """Names of all axes, by group and ArviZ's name of the variable."""
    dims: dict[str, dict[str, list[str]]] = {group: {} for group in groups}
    arrays = [(group, name) for group, variables in groups.items() for name in variables]
    # Names from the user come first, so that others give way.
    for group, name in sorted(arrays, key=lambda array: not labels.are_given(names[array[1]])):
        event = _event(group, groups[group][name])
        proposed = axes.get(group, {}).get(name, ())
        dims[group][names[name]] = labels.of(names[name], event, proposed)
    return dims


def _sample_dims(group: str) -> list[str]:
    return [] if group in _DATA else list(SAMPLE_DIMS)


def _event(group: str, values: np.ndarray) -> tuple[int, ...]:
    return np.shape(values)[len(_sample_dims(group)) :]


def _ranks(groups: Groups, names: Mapping[str, str]) -> dict[str, int]:
    """Number of axes of each variable without `(chain, draw)`; log likelihoods lack some."""
    ranks = dict.fromkeys(names.values(), 0)
    for group, variables in groups.items():
        for name, values in variables.items():
            ranks[names[name]] = max(ranks[names[name]], len(_event(group, values)))
    return ranks


def _dataset(
    arviz: Any, variables: Mapping[str, np.ndarray], sample_dims: list[str], **names: Any
) -> Any:
    key = "sample_dims" if _is_new(arviz) else "default_dims"
    return arviz.dict_to_dataset(dict(variables), **{key: sample_dims}, **names)


def _container(arviz: Any, datasets: Mapping[str, Any]) -> Any:
    if not _is_new(arviz):
        return arviz.InferenceData(**datasets)
    import xarray

    return xarray.DataTree.from_dict(dict(datasets))


def _is_new(arviz: Any) -> bool:
    return int(arviz.__version__.split(".")[0]) >= 1


def summary(data: Any) -> Any:
    """ArviZ's table of moments, effective sample sizes and R-hat."""
    arviz = import_arviz()
    with _silent_about_one_chain(_logger(arviz)):
        return arviz.summary(data)


@contextlib.contextmanager
def _silent_about_one_chain(logger: logging.Logger) -> Iterator[None]:
    """Drop ArviZ's log record that one chain has no R-hat: the table shows that as NaN."""

    def is_other(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        return "input_shape: (1," not in text or "chains=2" not in text

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def _logger(arviz: Any) -> logging.Logger:
    """The logger of ArviZ's statistics; older versions do not register theirs by name."""
    return logging.getLogger("arviz_stats.utils") if _is_new(arviz) else arviz._log


def posterior(data: Any) -> Any:
    """Draws of any ArviZ container as an `xarray.Dataset`; `None` if it has none."""
    group = getattr(data, "posterior", data)
    if hasattr(group, "to_dataset"):  # a node of a DataTree
        group = group.to_dataset()
    return group if hasattr(group, "data_vars") and {"chain", "draw"} <= set(group.dims) else None


def plot_rank(draws: Any, var_names: list[str] | None) -> np.ndarray:
    """ArviZ's rank plots of an `xarray.Dataset` on matplotlib: an array of axes."""
    arviz = import_arviz()
    if _is_new(arviz):
        plot = arviz.plot_rank(draws, var_names=var_names, backend="matplotlib").viz["plot"]
        panels = [np.ravel(plot[name].values) for name in plot.data_vars]
        return np.concatenate(panels)
    return np.ravel(arviz.plot_rank(draws, var_names=var_names))


def stat_name(name: str) -> str:
    """ArviZ's name of a sample statistic."""
    return _STAT_NAMES.get(name, name)


def name_of_stat(label: str) -> str:
    """Our name of one of ArviZ's sample statistics."""
    return {theirs: ours for ours, theirs in _STAT_NAMES.items()}.get(label, label)


def import_arviz() -> Any:
    """The installed ArviZ.

    Raises:
        ImportError: ArviZ is not installed, or cannot be imported.
    """
    try:
        with warnings.catch_warnings():
            # ArviZ 0.23 announces 1.0 on import.
            warnings.simplefilter("ignore", FutureWarning)
            import arviz
    except ImportError as error:
        raise ImportError(
            "Converting a result needs ArviZ, which is installed with pmcmc by default but cannot "
            f"be imported here ({first_line(error)}): pip install 'arviz>=0.22'. The draws "
            "themselves are in result.positions."
        ) from error
    return arviz
