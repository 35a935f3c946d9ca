"""Simulates the observations of a model, also inside its loops."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpyro
from numpyro import handlers
from numpyro.infer import init_to_uniform
from numpyro.primitives import Messenger

from pmcmc.adapters.numpyro._compat import loop_of, pop_conditions
from pmcmc.adapters.numpyro._dependence import sources
from pmcmc.adapters.numpyro._sites import seeded


class simulate(Messenger):  # type: ignore[misc]  # noqa: N801 - named like NumPyro's
    """Draws observed sites instead of using their data, and marks them: `infer["was_observed"]`.

    `numpyro.handlers.uncondition` does not reach into the functions of `scan` and `cond`.

    Args:
        fn: the model, or the body of a loop in it.
        names: sites that a `numpyro.handlers.condition` around the loop observes.
    """

    def __init__(self, fn: Callable[..., Any], names: frozenset[str] = frozenset()) -> None:
        super().__init__(fn)
        self._names = names

    def process_message(self, msg: Any) -> None:
        """Change a message of the model on its way to the outer handlers."""
        if msg["type"] == "sample" and (msg["is_observed"] or msg["name"] in self._names):
            self.on_observed(msg)
            msg["is_observed"] = False
            msg["infer"]["was_observed"] = True
            msg["value"] = None
            if msg["kwargs"]["rng_key"] is None:
                msg["kwargs"]["rng_key"] = numpyro.prng_key()
        if loop_of(msg) == "scan":
            body, *rest = msg["args"]
            msg["args"] = (_simulated_body(body, self._names | _conditioned(msg)), *rest)
        if loop_of(msg) == "cond":
            predicate, *branches, operand = msg["args"]
            names = self._names | _conditioned(msg)
            msg["args"] = (predicate, *(simulate(branch, names) for branch in branches), operand)

    def on_observed(self, msg: Any) -> None:
        """Process an observed site before its value is dropped."""


class _Collect(simulate):
    """Also collects the observed values."""

    def __init__(
        self, fn: Callable[..., Any], names: frozenset[str], values: dict[str, Any]
    ) -> None:
        super().__init__(fn, names)
        self._values = values

    def on_observed(self, msg: Any) -> None:
        if msg["is_observed"]:  # in the loop itself, not by a condition around it
            self._values[msg["name"]] = msg["value"]


def _conditioned(msg: Any) -> frozenset[str]:
    """Remove the conditions around a loop, and return the names of the sites they observe."""
    conditions = pop_conditions(msg)
    if not all(isinstance(data, Mapping) for data in conditions):
        raise ValueError(
            "observations inside scan or cond cannot be simulated if condition has a function: "
            "write numpyro.handlers.condition(model, data={'y': y})."
        )
    return frozenset().union(*conditions)


def _simulated_body(body: Callable[..., Any], names: frozenset[str]) -> Callable[..., Any]:
    def simulated(carry: Any, x: Any) -> Any:
        _check_feedback(body, names, carry, x)
        return simulate(body, names)(carry, x)

    return simulated


def _check_feedback(body: Callable[..., Any], names: frozenset[str], carry: Any, x: Any) -> None:
    """Check that the carry of a scan does not contain the data that are to be simulated.

    Raises:
        ValueError: it does, so the series cannot be simulated.
    """
    found: list[str] = []

    def run(x: Any) -> Any:
        values: dict[str, Any] = {}
        inside = handlers.substitute(
            seeded(_Collect(body, names, values)), substitute_fn=init_to_uniform()
        )
        with handlers.block():
            after, _ = inside(carry, x)
        found.extend(values)
        return list(values.values()), after

    observed, after = sources(run, x)
    fed_back = frozenset().union(*jax.tree.leaves(after, is_leaf=_is_set))
    for name, made_of in zip(found, observed, strict=True):
        if made_of & fed_back:
            raise ValueError(
                f"observations of site {name!r} cannot be simulated: the carry of scan is made of "
                "the data themselves, not of what numpyro.sample returns. Write y = "
                f"numpyro.sample({name!r}, ..., obs=y) and carry on that y, or write "
                "numpyro.infer.Predictive(model, result.positions, batch_ndims=2) and call it with "
                "None for the data."
            )


def _is_set(value: Any) -> bool:
    return isinstance(value, frozenset)
