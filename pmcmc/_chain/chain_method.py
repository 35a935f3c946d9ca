"""How chains share a device, by the names that users write."""

from typing import Any, NamedTuple

from pmcmc._util.checks import is_among, short

CHAIN_METHODS = ("auto", "parallel", "vectorized", "sequential")


class ChainMethod(NamedTuple):
    """How the chains of a run were laid out.

    Args:
        name: `"vectorized"`, `"sequential"`, or `"parallel"` with the number of threads.
        block: number of chains in one program, under `jax.vmap`.
        n_threads: number of programs that ran at once.
        seconds_per_step: time of a step of all chains together, for each layout that was used.
    """

    name: str
    block: int
    n_threads: int
    seconds_per_step: dict[str, float]

    def __str__(self) -> str:
        took = [f"{name} {1e6 * s:.3g} us" for name, s in self.seconds_per_step.items()]
        return self.name + (f" (a step of all chains: {'; '.join(took)})" if took else "")


def check_chain_method(chain_method: Any) -> str:
    """Check the name of a layout, and return it.

    Raises:
        ValueError: there is no layout with that name.
    """
    if isinstance(chain_method, str) and is_among(chain_method, *CHAIN_METHODS):
        return chain_method
    names = ", ".join(map(repr, CHAIN_METHODS))
    raise ValueError(
        f"chain_method must be one of {names}, got {short(chain_method)}: write "
        "chain_method='auto'."
    )


def check_device(chain_method: str, device: Any) -> None:
    """Check that a device supports a layout.

    Raises:
        ValueError: it does not.
    """
    if chain_method == "parallel" and device.platform != "cpu":
        raise ValueError(
            f"chain_method='parallel' needs threads of a CPU, got positions on {device}: write "
            "chain_method='vectorized', or put x0 on a CPU."
        )
