"""Draws compared with a reference: the same distribution, or even the same chain?"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from pmcmc._util import arviz_compat
from pmcmc._util.checks import check_positive
from pmcmc.diagnostics._draws import as_dataset, numbers, r_hat
from pmcmc.diagnostics._same_noise import SameNoise

_COMPARED = ("mean", "sd", "q5", "median", "q95")
_STATISTICS = (*_COMPARED, "ess_bulk", "ess_tail", "r_hat")
_QUANTILES = (0.05, 0.5, 0.95)
_FALSE_ALARMS = 1e-4  # probability in a comparison without problems
_FEWEST_DRAWS = 100  # effective draws that reliable standard errors need
_SHOWN = 12


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """Draws compared with a reference.

    Args:
        dataset: an `xarray.Dataset` of the variables that both have, with dimensions `run`
            (`"result"`, `"reference"`, `"difference"`), `statistic` (`"mean"`, `"sd"`, `"q5"`,
            `"median"`, `"q95"`, `"ess_bulk"`, `"ess_tail"`, `"r_hat"`), and those of the variable.
            Differences are in standard errors; NaN for the last three statistics.
        max_difference: largest difference, in standard errors, that counts as agreement.
        same_noise: the draw-by-draw comparison of two runs with the same noise, otherwise `None`.
        problems: problems in words; empty if there are none.
    """

    dataset: Any
    max_difference: float
    same_noise: SameNoise | None
    problems: tuple[str, ...]

    @property
    def table(self) -> Any:
        """A `pandas.DataFrame` with one row per number, largest differences first."""
        import pandas as pd

        rows = {}
        for row in _rows(self.dataset):
            both = zip(_STATISTICS, row.ours, row.theirs, strict=True)
            worst = int(np.argmax(row.sortable))
            rows[row.label] = {
                **{k + end: v for k, a, b in both for end, v in (("", a), ("_ref", b))},
                "differs_in": _STATISTICS[worst],
                "difference": row.sortable[worst],
            }
        return pd.DataFrame.from_dict(rows, orient="index").sort_values(
            "difference", ascending=False, kind="stable"
        )

    def __repr__(self) -> str:
        table = self.table
        columns = ["mean", "mean_ref", "sd", "sd_ref", "ess_bulk", "ess_bulk_ref", "r_hat"]
        shown = table[[*columns, "r_hat_ref", "differs_in", "difference"]].head(_SHOWN)
        formats = dict.fromkeys(("ess_bulk", "ess_bulk_ref"), "{:,.0f}".format)
        lines = [
            f"pmcmc.Comparison: {len(table)} number{'' if len(table) == 1 else 's'}, "
            + ("NOT IN AGREEMENT" if self.problems else "in agreement"),
            shown.to_string(float_format="{:.4g}".format, formatters=formats),
        ]
        if len(table) > _SHOWN:
            lines.append(f"... and {len(table) - _SHOWN} with smaller differences: see .table")
        lines.append(
            f"differences in standard errors, of mean, sd, median, 5 and 95 % quantile; up to "
            f"{self.max_difference:.1f} is chance"
        )
        if self.same_noise is not None:
            lines.append(self.same_noise.headline)
        return "\n".join([*lines, *(f"- {problem}" for problem in self.problems)])


def compare(result: Any, reference: Any, *, max_difference: float | None = None) -> Comparison:
    """Compare draws with a reference.

    It compares means, standard deviations and quantiles in units of the combined Monte Carlo
    standard error of both runs. Two runs of `pmcmc.sample` with the same key, kernel and lengths
    have the same noise, so they should be the same chain. In this case it also compares decisions
    and positions draw by draw.

    Args:
        result: the result of `pmcmc.sample` or of an adapter, or anything that `reference` may be.
        reference: another run, sequential or from another sampler: a result of this package; an
            ArviZ `DataTree`, `InferenceData` or posterior `Dataset`; a NumPyro `MCMC`; or a pytree
            of arrays of shape `(chain, draw, *event)`, such as the positions of BlackJAX's states.
            Variables with the same name are compared; a single array is called `x`.
        max_difference: largest difference that counts as agreement, in standard errors; `None` for
            a bound that this many statistics exceed with a probability of 1 in 10,000 if nothing is
            wrong.

    Returns:
        A comparison that prints as a table, with the problems below it.

    Raises:
        ImportError: ArviZ, a dependency of pmcmc, is not installed.
        ValueError: an argument cannot be used, or the two have no variable in common.
    """
    if max_difference is not None:
        check_positive("max_difference", max_difference, "max_difference=4.0")
    ours, theirs = as_dataset("result", result), as_dataset("reference", reference)
    names = [name for name in ours.data_vars if name in theirs.data_vars]
    if not names:
        raise ValueError(
            "result and reference must have a variable in common, got "
            f"{sorted(map(str, ours.data_vars))} and {sorted(map(str, theirs.data_vars))}: rename "
            "those of the reference, e.g. {'x': draws}."
        )
    for name in names:
        if {*ours[name].dims} == {*theirs[name].dims}:
            theirs[name] = theirs[name].transpose(*ours[name].dims)
        if ours[name].shape[2:] != theirs[name].shape[2:]:
            raise ValueError(
                f"variable {name!r} must have one shape in both, got {ours[name].shape[2:]} in "
                f"result and {theirs[name].shape[2:]} in reference, after (chain, draw): reshape "
                "it in one of them."
            )
    ours, theirs = ours[names], theirs[names]
    dataset = _dataset(ours, theirs)
    if max_difference is None:
        n_compared = len(_COMPARED) * sum(1 for _ in numbers(ours))
        max_difference = NormalDist().inv_cdf(1 - _FALSE_ALARMS / (2 * n_compared))
    same_noise = SameNoise.of(result, reference, ours, theirs)
    problems = _too_few(dataset) if same_noise is None else same_noise.problems
    problems += _differences(dataset, float(max_difference))
    return Comparison(dataset, float(max_difference), same_noise, tuple(problems))


def _dataset(ours: Any, theirs: Any) -> Any:
    """The data set of a comparison."""
    import xarray as xr

    variables = {}
    # Constant numbers have no R-hat and no standard error: they are equal or infinitely far apart.
    with np.errstate(all="ignore"):
        (values, errors), (their_values, their_errors) = map(_statistics, (ours, theirs))
        for name in ours.data_vars:
            distance = np.abs(values[name] - their_values[name])
            scale = np.hypot(errors[name], their_errors[name])
            difference = np.where(distance == 0, 0.0, distance / scale)
            dims = ("run", "statistic", *map(_other, ours[name].dims[2:]))
            variables[name] = (dims, np.stack([values[name], their_values[name], difference]))
    coords: dict[Any, Any] = {
        _other(name): (tuple(map(_other, values.dims)), values.values)
        for name, values in ours.coords.items()
        if not {"chain", "draw"} & {*values.dims}
    }
    coords["run"] = ["result", "reference", "difference"]
    coords["statistic"] = list(_STATISTICS)
    return xr.Dataset(variables, coords)


def _other(name: Any) -> Any:
    """A name of a dimension that differs from ours."""
    return f"{name}_" if name in ("run", "statistic") else name


def _statistics(draws: Any) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Statistics by variable, shape `(statistic, *event)`, and their standard errors."""
    az, sample = arviz_compat.import_arviz(), ("chain", "draw")
    values = [
        draws.mean(sample, skipna=False),
        draws.std(sample, ddof=1, skipna=False),
        *(draws.quantile(q, sample, skipna=False) for q in _QUANTILES),
        az.ess(draws, method="bulk"),
        az.ess(draws, method="tail"),
        r_hat(draws),
    ]
    errors = [
        az.mcse(draws, method="mean"),
        az.mcse(draws, method="sd"),
        *(az.mcse(draws, method="quantile", prob=q) for q in _QUANTILES),
    ]
    none = draws.mean(sample) * np.nan
    errors += [none] * (len(values) - len(errors))

    def stacked(tables: list[Any]) -> dict[str, np.ndarray]:
        return {name: np.stack([table[name].values for table in tables]) for name in draws}

    found, found_errors = stacked(values), stacked(errors)
    for name in draws:
        low, high = (draws[name].reduce(f, sample).values for f in (np.min, np.max))
        is_constant = low == high  # exact, whereas sums round
        for row, statistic in enumerate(_COMPARED):
            exact = np.zeros_like(low) if statistic == "sd" else low
            found[name][row] = np.where(is_constant, exact, found[name][row])
            found_errors[name][row] = np.where(is_constant, 0.0, found_errors[name][row])
    return found, found_errors


class _Row(NamedTuple):
    """Statistics of one number in both runs; `sortable` differences have infinity for NaN."""

    label: str
    ours: np.ndarray
    theirs: np.ndarray
    sortable: np.ndarray


def _rows(dataset: Any) -> Iterator[_Row]:
    for label, name, index in numbers(dataset.isel(run=0, statistic=0, drop=True)):
        ours, theirs, difference = dataset[name].values[(slice(None), slice(None), *index)]
        difference = difference[: len(_COMPARED)]
        yield _Row(label, ours, theirs, np.where(np.isnan(difference), np.inf, difference))


def _too_few(dataset: Any) -> list[str]:
    """Problems of runs with too few draws to compare."""
    texts = []
    for run in ("result", "reference"):
        sizes = dataset.sel(run=run, statistic=["ess_bulk", "ess_tail"])
        size = min(values.values.min(initial=np.inf) for values in sizes.data_vars.values())
        if not size >= _FEWEST_DRAWS:
            texts.append(
                f"{run}: some numbers have only {size:.0f} effective draws, and below "
                f"{_FEWEST_DRAWS} a comparison means little: draw longer, or see diagnostics.report"
            )
    return texts


def _differences(dataset: Any, bound: float) -> list[str]:
    """Statistics that differ by more than chance, largest differences first."""
    found = [
        (
            difference,
            f"{row.label}: {statistic} is {ours:.4g}, and {theirs:.4g} in the reference: "
            f"{difference:.1f} standard errors apart",
        )
        for row in _rows(dataset)
        for statistic, ours, theirs, difference in zip(
            _COMPARED, row.ours, row.theirs, row.sortable, strict=False
        )
        if difference > bound
    ]
    texts = [text for _, text in sorted(found, key=lambda item: -item[0])]
    if len(texts) > _SHOWN:
        texts[_SHOWN:] = [f"{len(texts) - _SHOWN} more statistics differ by more than {bound:.1f}"]
    return texts
