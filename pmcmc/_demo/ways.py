"""Ways to sample a target, each with its own timing."""

import dataclasses
import importlib.util
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pmcmc._plan import plan
from pmcmc._planning.choice import Plan
from pmcmc._result import Result
from pmcmc._sample import sample
from pmcmc._util.jaxprs import contents_of
from pmcmc._warmup import warmup
from pmcmc.kernels import Kernel
from pmcmc.targets import Target

N_CHAINS = 4
NAMES = ("walk", "surrogate_hmc", "nuts")
_N_WARMUP, _WARMUP_PER_DIM, _NUTS_WARMUP = 1_000, 100, 300
# Steps of the random walk per draw of the others, whose draws are less correlated.
_WALK_PER_SURROGATE, _WALK_PER_NUTS = 3, 75
_FEW = 8  # up to this many parameters, forward mode differentiates loops faster


class Run(NamedTuple):
    """The result of one way, and its times.

    Args:
        name: name of the way.
        call: the line of code behind it.
        draws: positions `(chain, draw, D)`.
        seconds_to_first: including compilation and warm-up; `None` if one call does everything.
        seconds_to_last: likewise, to the last draw.
        values: evaluations of the log density after the warm-up, all chains together.
        gradients: how many of them included the gradient.
        result: the result, if `pmcmc` made it.
    """

    name: str
    call: str
    draws: np.ndarray
    seconds_to_first: float | None
    seconds_to_last: float
    values: int
    gradients: int
    result: Result | None = None


@dataclasses.dataclass(frozen=True)
class Ways:
    """Ways to sample one target, from the same starts.

    Args:
        target: what is sampled.
        n_steps: number of steps of each random walk; the other ways take fewer.
        seed: seed of starts and noise.
    """

    target: Target
    n_steps: int
    seed: int

    @property
    def starts(self) -> np.ndarray:
        """Starts of all chains, shape `(chain, D)`."""
        noise = np.random.default_rng(self.seed).normal(size=(N_CHAINS, self.target.dim))
        return self.target.initial_position + 0.1 * noise

    @property
    def n_warmup(self) -> int:
        """Steps of a warm-up: more where there is more to tune."""
        return max(_N_WARMUP, _WARMUP_PER_DIM * self.target.dim)

    def walk(self) -> Iterator[Run]:
        """Run a random walk with the loop, and the same walk with speculation."""
        started = time.perf_counter()
        warm = warmup(
            self.target.logdensity,
            self.starts,
            kernel="random_walk",
            n_steps=2 * self.n_warmup,
            solver="sequential",
            n_chains=N_CHAINS,
            rng_key=self.seed,
            progress=None,
        )
        seconds = time.perf_counter() - started
        for name, solver in (("loop", "sequential"), ("speculation", "speculative")):
            call = f'sample(logdensity, x0, {self.n_steps:_}, kernel=walk, solver="{solver}")'
            yield self._ours(name, call, warm.state.position, warm.kernel, solver, seconds)

    def surrogate_hmc(self) -> Iterator[Run]:
        """Run Hamiltonian proposals along a fitted polynomial."""
        n_steps = max(self.n_steps // _WALK_PER_SURROGATE, 4)
        call = f'sample(logdensity, x0, {n_steps:_}, kernel="surrogate_hmc")'
        ways = dataclasses.replace(self, n_steps=n_steps)
        yield ways._ours("surrogate_hmc", call, self.starts, "surrogate_hmc", "auto")

    def nuts(self) -> Iterator[Run]:
        """Run NumPyro's NUTS with all chains under one `vmap`, its fastest way here."""
        if importlib.util.find_spec("numpyro") is None:
            raise ValueError("NumPyro is not installed: pip install 'pmcmc[numpyro]'")
        from numpyro.infer import MCMC, NUTS

        n_draws = max(self.n_steps // _WALK_PER_NUTS, 4)
        density = self.target.logdensity
        has_loop = contents_of(jax.make_jaxpr(density)(self.starts[0])).has_loop
        started = time.perf_counter()
        kernel = NUTS(
            potential_fn=lambda x: -density(x),
            dense_mass=self.target.dim <= 50,
            forward_mode_differentiation=has_loop and self.target.dim <= _FEW,
        )
        mcmc = MCMC(
            kernel,
            num_warmup=_NUTS_WARMUP,
            num_samples=n_draws,
            num_chains=N_CHAINS,
            chain_method="vectorized",
            progress_bar=False,
        )
        starts = jnp.asarray(self.starts)
        mcmc.run(jax.random.key(self.seed), init_params=starts, extra_fields=("num_steps",))
        draws = np.asarray(mcmc.get_samples(group_by_chain=True))
        last = time.perf_counter() - started
        n = int(mcmc.get_extra_fields()["num_steps"].sum())
        call = f"MCMC(NUTS(...), num_warmup={_NUTS_WARMUP}, num_samples={n_draws:_})"
        yield Run("NumPyro NUTS", call, draws, None, last, n, n)

    def seconds_per_step(self, run: Run) -> float:
        """Seconds per further step of all chains, once everything is compiled."""
        assert run.result is not None
        last, info = run.result.final_state.position, run.result.info
        for n_steps in (_N_WARMUP, max(self.n_steps // 3, _N_WARMUP)):  # the first ones compile
            ways = dataclasses.replace(self, n_steps=n_steps, seed=self.seed + 1)
            seconds = ways._sample(last, info.kernel, info.solver).info.seconds_run
        return seconds / n_steps

    def plan(self, run: Run) -> Plan:
        """The choice of `"auto"` for these steps."""
        assert run.result is not None
        return plan(
            self.target.logdensity,
            run.result.final_state.position,
            self.n_steps,
            kernel=run.result.info.kernel,
            n_chains=N_CHAINS,
        )

    def _ours(
        self,
        name: str,
        call: str,
        x0: Any,
        kernel: Kernel | str,
        solver: Any,
        seconds_before: float = 0.0,
    ) -> Run:
        started = time.perf_counter()
        result = self._sample(x0, kernel, solver)
        last = seconds_before + time.perf_counter() - started
        info = result.info
        counts = (info.logdensity_evaluations, info.gradient_evaluations)
        values, gradients = (int(np.sum(count)) for count in counts)
        first = last - info.seconds_run
        return Run(name, call, result.positions, first, last, values, gradients, result)

    def _sample(self, x0: Any, kernel: Kernel | str, solver: Any) -> Result:
        return sample(
            self.target.logdensity,
            x0,
            self.n_steps,
            kernel=kernel,
            solver=solver,
            n_chains=N_CHAINS,
            n_warmup=self.n_warmup if isinstance(kernel, str) else None,
            rng_key=self.seed,
            progress=False,
        )
