"""NumPyro's names for the statistics of a step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from pmcmc._result import Result

_STATS = {
    "diverging": "is_divergent",
    "accept_prob": "acceptance_rate",
    "num_steps": "num_integration_steps",
    "energy": "energy",
    "adapt_state.step_size": "step_size",
}
_EXCLUDED = "~z."
_UNCONSTRAINED = "z."


@dataclass(frozen=True)
class NegativePotential:
    """The log density of a potential; equal if the potential is the same."""

    potential_fn: Callable[[Any], jax.Array]

    def __call__(self, position: Any) -> jax.Array:
        return -self.potential_fn(position)


def split(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of fields, and of sites to leave out.

    Raises:
        ValueError: a field is unknown.
    """
    excluded = tuple(n.removeprefix(_EXCLUDED) for n in names if n.startswith(_EXCLUDED))
    fields = tuple(name for name in names if not name.startswith(_EXCLUDED))
    known = [*_STATS, "potential_energy"]
    for name in fields:
        if name not in known and not name.startswith(_UNCONSTRAINED):
            raise ValueError(
                f"extra_fields must be among {', '.join(known)}, 'z.site' and '~z.site', got "
                f"{name!r}: write extra_fields=('potential_energy',)."
            )
    return fields, excluded


def select(result: Result, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The named fields and `diverging`, with leading axes `(chain, draw)`.

    Raises:
        ValueError: the kernel does not report one of them.
    """
    return {name: _field(result, name) for name in ("diverging", *names)}


def _field(result: Result, name: str) -> np.ndarray:
    if name == "potential_energy":
        return -result.stats["logdensity"]
    if name.startswith(_UNCONSTRAINED):
        site = name.removeprefix(_UNCONSTRAINED)
        if site in result.positions:
            return result.positions[site]
    elif _STATS[name] in result.stats:
        return result.stats[_STATS[name]]
    raise ValueError(
        f"extra_fields has {name!r}, which {type(result.info.kernel).__name__} does not report: "
        "leave it out."
    )
