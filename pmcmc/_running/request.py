"""The arguments of a run."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jax.sharding import Mesh

from pmcmc._arguments import as_task
from pmcmc._planning.task import Task
from pmcmc.kernels import Kernel
from pmcmc.solvers import Auto, Solver

_NO_DRAWS = 2**40  # steps per draw if no draws are kept


class Request(NamedTuple):
    """The arguments of a run, as in `pmcmc.sample`, with checked counts."""

    kernel: Kernel | str | None
    solver: Solver | Auto
    n_steps: int
    n_warmup: int
    n_chains: int
    thin: int
    keep: Callable[[Any], Any] | str | None
    chain_method: str
    gradient_mode: str
    mesh: Mesh | None = None

    @property
    def keeps_draws(self) -> bool:
        """Whether the run keeps draws, and not only moments."""
        return not isinstance(self.keep, str)

    @property
    def spacing(self) -> int:
        """Number of steps per draw."""
        return self.thin if self.keeps_draws else _NO_DRAWS

    def task(self, logdensity: Any, x0: Any, rng_key: Any) -> Task:
        """The checked and flattened arguments, see `as_task`."""
        return as_task(
            logdensity,
            x0,
            self.kernel,
            self.n_chains,
            rng_key,
            "auto" if self.n_warmup else None,
            chain_method=self.chain_method,
            n_steps=self.n_warmup + self.n_steps,
            gradient_mode=self.gradient_mode,
            mesh=self.mesh,
        )
