"""All that is read of NumPyro beyond its documentation: what a new release may break is here."""

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
    """The potential that an HMC was given, `None` if a model was."""
    return _read(sampler, "_potential_fn")


def is_euclidean(sampler: Any) -> bool:
    """Whether an HMC has the kinetic energy that it has unless told otherwise."""
    return _read(sampler, "_kinetic_fn") is euclidean_kinetic_energy


def is_forward_mode(sampler: Any) -> bool:
    """Whether an HMC takes gradients in forward mode."""
    return bool(_read(sampler, "_forward_mode_differentiation"))


def trajectory_of(sampler: Any) -> tuple[Any, Any]:
    """Length and number of steps of the trajectories of an HMC, `None` for one not given."""
    return _read(sampler, "_trajectory_length"), _read(sampler, "_num_steps")


def values_of(init_strategy: Any) -> dict[str, Any] | None:
    """The values that `init_to_value(values=...)` was given, `None` for other strategies."""
    if getattr(init_strategy, "func", None) is not init_to_value:
        return None
    values: dict[str, Any] = init_strategy.keywords.get("values", {})
    return values


def loop_of(message: Any) -> str | None:
    """`"scan"` or `"cond"` for the message of one to the handlers around it, else `None`."""
    return _LOOPS.get(message["fn"]) if message["type"] == "control_flow" else None


def pop_conditions(message: Any) -> list[Any]:
    """The data of the conditions around a loop, which are taken off its message."""
    stack = message["kwargs"]["substitute_stack"]
    message["kwargs"]["substitute_stack"] = [entry for entry in stack if entry[0] != "condition"]
    return [data for kind, data in stack if kind == "condition"]


def _read(sampler: Any, name: str) -> Any:
    try:
        return getattr(sampler, name)
    except AttributeError as error:
        raise RuntimeError(_unknown(error)) from error
