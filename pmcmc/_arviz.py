"""Conversion to ArviZ. The only file that knows which ArviZ is installed."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

# ArviZ's names of sample statistics, where they differ from BlackJAX's.
_STAT_NAMES = {"logdensity": "lp", "is_divergent": "diverging"}


def to_arviz(
    posterior: Mapping[str, np.ndarray],
    stats: Mapping[str, np.ndarray],
    attrs: Mapping[str, Any],
) -> Any:
    """The installed ArviZ's container: a `DataTree` from version 1.0, else `InferenceData`.

    Args:
        posterior: draws by name, leading axes `(chain, draw)`.
        stats: statistics by name, axes `(chain, draw)`.
        attrs: attributes of the posterior group.
    """
    arviz = import_arviz()
    sample_stats = {_STAT_NAMES.get(name, name): value for name, value in stats.items()}
    if int(arviz.__version__.split(".")[0]) >= 1:
        return arviz.from_dict(
            {"posterior": dict(posterior), "sample_stats": sample_stats},
            attrs={"posterior": dict(attrs)},
        )
    return arviz.from_dict(
        posterior=dict(posterior), sample_stats=sample_stats, posterior_attrs=dict(attrs)
    )


def named_leaves(positions: Any) -> dict[str, np.ndarray]:
    """The leaves of a pytree by the names that they have in ArviZ.

    Raises:
        ValueError: two have one name, or one is called like a dimension.
    """
    named: dict[str, np.ndarray] = {}
    for path, leaf in jax.tree.flatten_with_path(positions)[0]:
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        has_name = path and not isinstance(path[0], jax.tree_util.SequenceKey)
        name = name if has_name else f"x.{name}".rstrip(".")
        if name in named or name in ("chain", "draw"):
            raise ValueError(
                f"ArviZ cannot hold a variable of the name {name!r}, which is taken: rename that "
                "key of x0."
            )
        named[name] = leaf
    return named


def with_groups(
    data: Any,
    groups: Mapping[str, Mapping[str, np.ndarray]],
    dims: Mapping[str, Sequence[str]],
    coords: Mapping[str, Any],
) -> Any:
    """A container with more groups, and with its dimensions named.

    Args:
        data: of `to_arviz`.
        groups: variables by group and name; draws have leading axes `(chain, draw)`.
        dims: names of the axes behind these, by variable.
        coords: coordinates, by dimension.
    """
    arviz = import_arviz()
    posterior, stats = data.posterior, data.sample_stats
    tables = {
        "posterior": {name: posterior[name].values for name in posterior.data_vars},
        "sample_stats": {name: stats[name].values for name in stats.data_vars},
        **{name: dict(group) for name, group in groups.items()},
    }
    names = {"dims": {k: list(v) for k, v in dims.items()}, "coords": dict(coords)}
    if int(arviz.__version__.split(".")[0]) >= 1:
        return arviz.from_dict(tables, attrs={"posterior": dict(posterior.attrs)}, **names)
    return arviz.from_dict(**tables, posterior_attrs=dict(posterior.attrs), **names)


def summary(data: Any) -> Any:
    """ArviZ's table of moments, effective sample sizes and R-hat."""
    return import_arviz().summary(data)


def posterior(data: Any) -> Any:
    """Draws as an `xarray.Dataset`, of any container of ArviZ's; `None` where there are none."""
    group = getattr(data, "posterior", data)
    if hasattr(group, "to_dataset"):  # a node of a DataTree
        group = group.to_dataset()
    return group if hasattr(group, "data_vars") and {"chain", "draw"} <= set(group.dims) else None


def plot_rank(draws: Any, var_names: list[str] | None) -> np.ndarray:
    """ArviZ's rank plots of an `xarray.Dataset` on matplotlib: an array of axes."""
    arviz = import_arviz()
    if int(arviz.__version__.split(".")[0]) >= 1:
        plot = arviz.plot_rank(draws, var_names=var_names, backend="matplotlib").viz["plot"]
        panels = [np.ravel(plot[name].values) for name in plot.data_vars]
        return np.concatenate(panels)
    return np.ravel(arviz.plot_rank(draws, var_names=var_names))


def import_arviz() -> Any:
    """The installed ArviZ.

    Raises:
        ImportError: there is none.
    """
    try:
        with warnings.catch_warnings():
            # ArviZ 0.23 announces 1.0 on import.
            warnings.simplefilter("ignore", FutureWarning)
            import arviz
    except ImportError as error:
        raise ImportError(
            "Converting a result needs ArviZ: pip install arviz. The draws themselves are in "
            "result.positions."
        ) from error
    return arviz
