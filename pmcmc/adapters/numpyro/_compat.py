"""Everything undocumented that we read from NumPyro, which a new release may break."""

from typing import Any

import numpyro
from numpyro.infer import init_to_value

CHECKED = ("0.19.0", "0.20.1", "0.21.0", "0.22.0")


def _unknown(reason: Any) -> str:
    return (
        f"pmcmc.adapters.numpyro does not support NumPyro {numpyro.__version__} ({reason}): pip "
        f"install 'numpyro=={CHECKED[-1]}'."
    )


try:
    from numpyro.contrib.control_flow.cond import cond_wrapper
    from numpyro.contrib.control_flow.scan import scan_wrapper
    from numpyro.infer.hmc_util import euclidean_kinetic_energy
except ImportError as error:
    raise ImportError(_unknown(error)) from error

_LOOPS = {scan_wrapper: "scan", cond_wrapper: "cond"}


def potential_of(sampler: Any) -> Any:
    """The potential of an HMC; `None` if it has a model."""
    return _read(sampler, "_potential_fn")


def is_euclidean(sampler: Any) -> bool:
    """Whether an HMC has the default kinetic energy."""
    return _read(sampler, "_kinetic_fn") is euclidean_kinetic_energy


def is_forward_mode(sampler: Any) -> bool:
    """Whether an HMC computes gradients in forward mode."""
    return bool(_read(sampler, "_forward_mode_differentiation"))


def trajectory_of(sampler: Any) -> tuple[Any, Any]:
    """Length and number of steps of an HMC's trajectories; `None` for one that is not set."""
    return _read(sampler, "_trajectory_length"), _read(sampler, "_num_steps")


def values_of(init_strategy: Any) -> dict[str, Any] | None:
    """The values of `init_to_value(values=...)`; `None` for other strategies."""
    if getattr(init_strategy, "func", None) is not init_to_value:
        return None
    values: dict[str, Any] = init_strategy.keywords.get("values", {})
    return values


def loop_of(message: Any) -> str | None:
    """`"scan"` or `"cond"` if a message to handlers comes from one, otherwise `None`."""
    return _LOOPS.get(message["fn"]) if message["type"] == "control_flow" else None


def pop_conditions(message: Any) -> list[Any]:
    """Remove the conditions around a loop from its message, and return their data."""
    stack = message["kwargs"]["substitute_stack"]
    message["kwargs"]["substitute_stack"] = [entry for entry in stack if entry[0] != "condition"]
    return [data for kind, data in stack if kind == "condition"]


def _read(sampler: Any, name: str) -> Any:
    try:
        return getattr(sampler, name)
    except AttributeError as error:
        raise RuntimeError(_unknown(error)) from error
