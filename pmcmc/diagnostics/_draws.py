"""Draws from any source as one data set."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pmcmc._util import arviz_compat
from pmcmc._util.labels import named_leaves

_EXAMPLE = "draws of shape (chain, draw, *event), e.g. draws[None] where there is one chain"


def as_dataset(name: str, draws: Any) -> Any:
    """Draws as a float64 `xarray.Dataset` with leading dimensions `(chain, draw)`.

    Sums over many float32 draws would lose digits.

    Args:
        name: name of the argument.
        draws: one of our results; an ArviZ `DataTree`, `InferenceData` or posterior; a NumPyro
            `MCMC`; or a pytree of arrays with leading axes `(chain, draw)`.

    Raises:
        ImportError: ArviZ, a dependency of pmcmc, is not installed.
        ValueError: it is something else.
    """
    arviz_compat.import_arviz()
    if hasattr(draws, "to_arviz"):
        draws = draws.to_arviz()
    elif hasattr(draws, "get_samples"):
        draws = draws.get_samples(group_by_chain=True)
    dataset = arviz_compat.posterior(draws)
    if dataset is None:
        dataset = _from_arrays(name, draws)
    names = [
        key
        for key, values in dataset.data_vars.items()
        if {"chain", "draw"} <= {*values.dims} and values.size
    ]
    if not names:
        raise _no_draws(name)
    return dataset[names].transpose("chain", "draw", ...).astype(np.float64)


def r_hat(draws: Any) -> Any:
    """ArviZ's R-hat of the variables of a data set; NaN if there is only one chain."""
    if draws.sizes["chain"] == 1:
        return draws.mean(("chain", "draw")) * np.nan
    return arviz_compat.import_arviz().rhat(draws)


def numbers(dataset: Any) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """The numbers of a data set, named as in ArviZ's tables: label, variable, index.

    Variables may have leading axes that are not part of an event, such as `chain` and `draw`.
    """
    for name, variable in dataset.data_vars.items():
        shape = [size for dim, size in variable.sizes.items() if dim not in ("chain", "draw")]
        for index in np.ndindex(*shape):
            yield f"{name}[{', '.join(map(str, index))}]" if index else str(name), str(name), index


def series(draws: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Label and draws `(chain, draw)` of each number of a data set."""
    for label, name, index in numbers(draws):
        yield label, draws[name].values[(slice(None), slice(None), *index)]


def _no_draws(name: str) -> ValueError:
    return ValueError(f"{name} must have draws, got none: write {_EXAMPLE}.")


def _from_arrays(name: str, draws: Any) -> Any:
    try:
        arrays = {key: np.asarray(leaf) for key, leaf in named_leaves(draws).items()}
        kinds = (np.integer, np.floating, np.bool_)
        is_numeric = all(issubclass(array.dtype.type, kinds) for array in arrays.values())
    except TypeError:  # an object that is no array
        is_numeric = False
    if not is_numeric or not arrays:
        raise ValueError(
            f"{name} must be a result, an object of ArviZ's with a posterior, or a pytree of "
            f"arrays, got {type(draws).__name__}: write {_EXAMPLE}."
        )
    if any(array.ndim < 2 for array in arrays.values()) or (
        len({array.shape[:2] for array in arrays.values()}) > 1
    ):
        shapes = {key: array.shape for key, array in arrays.items()}
        raise ValueError(
            f"{name} must have the same leading axes (chain, draw) in all its arrays, got shapes "
            f"{shapes}: write {_EXAMPLE}."
        )
    arrays = {key: array for key, array in arrays.items() if array.size}
    if not arrays:
        raise _no_draws(name)
    return arviz_compat.posterior(arviz_compat.to_arviz(arrays, {}, {}))
