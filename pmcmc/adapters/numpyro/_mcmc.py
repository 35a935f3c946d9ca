"""A drop-in for `numpyro.infer.MCMC`."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.diagnostics
import numpyro.infer

from pmcmc._checks import check_count
from pmcmc._result import Result
from pmcmc._sample import sample
from pmcmc.adapters.numpyro import _fields
from pmcmc.adapters.numpyro._model import UnconstrainedModel, from_model
from pmcmc.adapters.numpyro._result import ModelResult
from pmcmc.adapters.numpyro._specification import ModelKernel, check_sampler, kernel_of
from pmcmc.adapters.numpyro._state import ChainState, from_state, to_state
from pmcmc.solvers import Auto, Solver


class MCMC:
    """`numpyro.infer.MCMC` whose draws after the warm-up are found in parallel in time.

    With a sampler of NumPyro's, its own warm-up runs first, step by step, with all of its settings;
    then our HMC takes the draws, with the step size (geometric mean over chains), mass matrix (mean
    over chains) and trajectory length found. NUTS draws are those of HMC with jittered lengths,
    which a warning says. With a `ModelKernel`, warm-up and draws are those of `pmcmc.sample`.

    Args:
        sampler: `numpyro.infer.HMC` or `NUTS` of a model or potential, or a `ModelKernel`.
        num_warmup: steps of each chain before the draws.
        num_samples: steps of each chain after these.
        num_chains: number of chains, all on one device.
        thinning: keep every `thinning`-th step.
        progress_bar: whether to show progress, on stderr.
        chain_method: accepted for NumPyro's sake: chains are always vectorised.
        jit_model_args: accepted for NumPyro's sake.
        solver: as in `pmcmc.sample`.

    Raises:
        ValueError: a setting has no counterpart; the message names it.

    Warns:
        UserWarning: a setting has none, and something else is done instead.
    """

    def __init__(
        self,
        sampler: Any,
        *,
        num_warmup: int,
        num_samples: int,
        num_chains: int = 1,
        thinning: int = 1,
        progress_bar: bool = True,
        chain_method: str = "vectorized",
        jit_model_args: bool = False,
        solver: Solver | Auto | str = "auto",
    ) -> None:
        check_sampler(sampler)
        num_warmup = check_count("num_warmup", num_warmup, minimum=0)
        num_samples = check_count("num_samples", num_samples)
        num_chains = check_count("num_chains", num_chains)
        thinning = check_count("thinning", thinning)
        self.sampler = sampler
        self.num_warmup = num_warmup
        self.num_samples = num_samples
        self.num_chains = num_chains
        self.thinning = thinning
        self.progress_bar = progress_bar
        self.solver = solver
        self.post_warmup_state: Any = None
        self._last_state: Any = None
        self._result: Result | ModelResult | None = None
        self._extra_fields: tuple[str, ...] = ()
        self._excluded: tuple[str, ...] = ()
        self._args: tuple[Any, ...] = ()
        self._kwargs: dict[str, Any] = {}

    @property
    def last_state(self) -> Any:
        """The state after the last step.

        An `HMCState` of NumPyro, with which its own `MCMC` can go on, or with a `ModelKernel` a
        `ChainState`. Assign it to `post_warmup_state` to go on here.
        """
        return self._last_state

    @property
    def result(self) -> Result | ModelResult:
        """The draws with their evidence: what `sample_model` returns, or `pmcmc.sample`.

        Raises:
            RuntimeError: nothing has been run.
        """
        if self._result is None:
            raise RuntimeError("there are no draws yet: write mcmc.run(jax.random.key(0), ...).")
        return self._result

    def warmup(
        self, rng_key: jax.Array, *args: Any, init_params: Any = None, **kwargs: Any
    ) -> None:
        """Run the warm-up only; `run` then starts from `post_warmup_state`.

        Args:
            rng_key: a key of `jax.random`, typed or raw.
            *args: that the model is called with.
            init_params: unconstrained start, with a leading axis of several chains.
            **kwargs: that the model is called with.
        """
        if isinstance(self.sampler, ModelKernel):
            self._run_ours(rng_key, args, kwargs, init_params, n_steps=1)
            self._result = None
        else:
            self._last_state = self._warm_up(rng_key, args, kwargs, init_params)
        self.post_warmup_state = self._last_state

    def run(
        self,
        rng_key: jax.Array,
        *args: Any,
        extra_fields: Sequence[str] = (),
        init_params: Any = None,
        **kwargs: Any,
    ) -> None:
        """Draw samples, after a warm-up unless `post_warmup_state` is set.

        Args:
            rng_key: a key of `jax.random`, typed or raw.
            *args: that the model is called with.
            extra_fields: names of NumPyro's for `get_extra_fields`, such as `"potential_energy"`;
                `"~z.site"` leaves a site out of the samples.
            init_params: unconstrained start, with a leading axis of several chains.
            **kwargs: that the model is called with.

        Raises:
            ValueError: an argument cannot be used; the message says why and what to write.
        """
        self._extra_fields, self._excluded = _fields.split(extra_fields)
        self._args, self._kwargs = args, kwargs
        key = rng_key if _is_one(rng_key) else rng_key[0]
        if isinstance(self.sampler, ModelKernel):
            self._run_ours(key, args, kwargs, init_params, n_steps=self.num_samples)
            return
        warmup_key, key, next_key = jax.random.split(key, 3)
        state = self.post_warmup_state
        if state is None:
            state = self._warm_up(warmup_key, args, kwargs, init_params)
        adapted = from_state(state)
        model = self._model(args, kwargs)
        logdensity = self._negative_potential() if model is None else model.logdensity
        result = sample(
            logdensity,
            adapted.position,
            self.num_samples,
            kernel=kernel_of(self.sampler, adapted),
            solver=self.solver,
            n_chains=self.num_chains,
            thin=self.thinning,
            rng_key=key,
            progress=self.progress_bar and None,
        )
        self._keep(result, model)
        self._last_state = to_state(state, result.final_state, next_key)

    def get_samples(self, group_by_chain: bool = False) -> Any:
        """Values of latent and deterministic sites by name, NumPy arrays.

        Args:
            group_by_chain: whether leading axes are `(chain, draw)`, or one of all draws.
        """
        positions = self.result.positions
        if isinstance(positions, dict):
            positions = {k: v for k, v in positions.items() if k not in self._excluded}
        return positions if group_by_chain else _merged(positions)

    def get_extra_fields(self, group_by_chain: bool = False) -> dict[str, Any]:
        """The fields asked for in `run`, and `diverging`; as in `get_samples`.

        Args:
            group_by_chain: whether leading axes are `(chain, draw)`, or one of all draws.
        """
        result = self.result
        unconstrained = result.unconstrained if isinstance(result, ModelResult) else result
        fields = _fields.select(unconstrained, self._extra_fields)
        return fields if group_by_chain else _merged(fields)

    def print_summary(self, prob: float = 0.9, exclude_deterministic: bool = True) -> None:
        """Print NumPyro's table of the samples.

        Args:
            prob: mass of the intervals.
            exclude_deterministic: whether to leave deterministic sites out.
        """
        sites = self.get_samples(group_by_chain=True)
        if exclude_deterministic and isinstance(self.result, ModelResult):
            latent = self.result.model.sites.latent
            sites = {name: value for name, value in sites.items() if name in latent}
        numpyro.diagnostics.print_summary(sites, prob=prob)
        print(f"Number of divergences: {int(self.get_extra_fields()['diverging'].sum())}")

    def to_arviz(self, **kwargs: Any) -> Any:
        """The draws in the installed ArviZ's container: see `ModelResult.to_arviz`."""
        return self.result.to_arviz(**kwargs)

    def _model(self, args: Any, kwargs: Any) -> UnconstrainedModel | None:
        model = self.sampler.model
        return None if model is None else from_model(model, *args, **kwargs)

    def _negative_potential(self) -> Callable[[Any], jax.Array]:
        return _fields.NegativePotential(self.sampler._potential_fn)

    def _warm_up(self, rng_key: Any, args: Any, kwargs: Any, init_params: Any) -> Any:
        self._model(args, kwargs)  # says what it is that cannot be sampled
        theirs = numpyro.infer.MCMC(
            self.sampler,
            num_warmup=self.num_warmup,
            num_samples=1,
            num_chains=self.num_chains,
            chain_method="vectorized",
            progress_bar=self.progress_bar,
        )
        theirs.warmup(rng_key, *args, init_params=init_params, **kwargs)
        return theirs.last_state

    def _run_ours(
        self, rng_key: Any, args: Any, kwargs: Any, init_params: Any, n_steps: int
    ) -> None:
        model = from_model(self.sampler.model, *args, **kwargs)
        start_key, key, next_key = jax.random.split(rng_key, 3)
        state = self.post_warmup_state
        position, kernel, n_warmup = init_params, self.sampler.kernel, self.num_warmup
        if state is not None:
            position, kernel, n_warmup = state.position, state.kernel, 0
        if position is None:
            position = model.initial_positions(
                start_key, self.num_chains, self.sampler.init_strategy
            )
        result = sample(
            model.logdensity,
            position,
            n_steps,
            kernel=kernel,
            solver=self.solver,
            n_chains=self.num_chains,
            n_warmup=n_warmup,
            thin=min(self.thinning, n_steps),
            rng_key=key,
            progress=self.progress_bar and None,
        )
        self._keep(result, model)
        self._last_state = ChainState(result.final_state.position, result.info.kernel, next_key)

    def _keep(self, result: Result, model: UnconstrainedModel | None) -> None:
        if model is None:
            self._result = result
        else:
            sites = model.constrain_draws(result.positions)
            self._result = ModelResult(sites, result, model)


def _is_one(rng_key: Any) -> bool:
    is_typed = jnp.issubdtype(rng_key.dtype, jax.dtypes.prng_key)
    return rng_key.ndim == (0 if is_typed else 1)


def _merged(tree: Any) -> Any:
    return jax.tree.map(lambda x: np.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:])), tree)
