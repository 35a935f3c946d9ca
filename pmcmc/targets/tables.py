"""Tables that ship with the package."""

import csv
from importlib import resources
from typing import Any

import numpy as np

from pmcmc.targets.base import Reference


def read_rows(name: str) -> list[dict[str, str]]:
    """Rows of a table as in the file, by column name."""
    with resources.files("pmcmc.targets").joinpath("data", name).open() as file:
        return list(csv.DictReader(file))


def read_numbers(name: str) -> np.ndarray:
    """A table of numbers, shape `(row, column)`."""
    rows = read_rows(name)
    return np.array([[float(text) for text in row.values()] for row in rows])


def read_reference(name: str, origin: str) -> Reference:
    """Moments: of a vector, or, where the table has a column `name`, of named parameters.

    Rows with the same name make an array.
    """
    rows = read_rows(name)

    def column(key: str) -> Any:
        if not any("name" in row for row in rows):
            return np.array([float(row[key]) for row in rows])
        values: dict[str, list[float]] = {}
        for row in rows:
            values.setdefault(row["name"], []).append(float(row[key]))
        return {k: np.array(v) if len(v) > 1 else np.float64(v[0]) for k, v in values.items()}

    return Reference(column("mean"), column("sd"), column("mcse_mean"), origin)
