"""The warm-up and the draws of a drop-in for `numpyro.infer.MCMC`."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpyro.infer

from pmcmc._result import Result
from pmcmc._sample import sample
from pmcmc.adapters.numpyro import _fields
from pmcmc.adapters.numpyro._calls import check_outside_of_jax, one_key
from pmcmc.adapters.numpyro._collected import Collected, Drawn
from pmcmc.adapters.numpyro._compat import potential_of
from pmcmc.adapters.numpyro._draws import OverDraws
from pmcmc.adapters.numpyro._model import UnconstrainedModel, from_model
from pmcmc.adapters.numpyro._result import ModelResult
from pmcmc.adapters.numpyro._specification import kernel_of
from pmcmc.adapters.numpyro._state import ChainState, from_state, to_state
from pmcmc.solvers import Auto, Solver


class Chains(Collected):
    """The part of `MCMC` that warms up and draws; its settings are attributes."""

    sampler: Any
    num_warmup: int
    num_samples: int
    num_chains: int
    thinning: int
    postprocess_fn: Callable[[Any], Any] | None
    chain_method: str
    progress_bar: bool
    progress_rate: int | None
    jit_model_args: bool
    solver: Solver | Auto | str
    gradient_mode: str

    def __init__(self) -> None:
        super().__init__()
        self.post_warmup_state: Any = None
        self._fields: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
        self._args: tuple[Any, ...] = ()
        self._kwargs: dict[str, Any] = {}

    def _begin(self, rng_key: Any, args: Any, kwargs: Any, init_params: Any) -> jax.Array:
        """Check a call, and return its key."""
        check_outside_of_jax(rng_key, args, kwargs, init_params)
        key = one_key(rng_key, self.num_chains)
        self._args, self._kwargs = args, kwargs
        self._drawn = self._result = None
        return key

    def _model(self) -> UnconstrainedModel | None:
        model = self.sampler.model
        return None if model is None else from_model(model, *self._args, **self._kwargs)

    def _warm_up(
        self,
        rng_key: jax.Array,
        init_params: Any,
        collect_warmup: bool = False,
        extra_fields: Sequence[str] = (),
    ) -> numpyro.infer.MCMC:
        """NumPyro's own `MCMC` after its warm-up."""
        self._model()  # raises a clear error if the model cannot be sampled
        rate = {} if self.progress_rate is None else {"progress_rate": self.progress_rate}
        theirs = numpyro.infer.MCMC(
            # A copy, because each run maps the steps of its sampler over chains once more.
            copy.copy(self.sampler),
            num_warmup=self.num_warmup,
            num_samples=self.thinning,
            num_chains=self.num_chains,
            thinning=self.thinning,
            postprocess_fn=self.postprocess_fn,
            chain_method="vectorized",
            progress_bar=self.progress_bar,
            jit_model_args=self.jit_model_args,
            **rate,
        )
        theirs.warmup(
            rng_key,
            *self._args,
            extra_fields=tuple(extra_fields),
            collect_warmup=collect_warmup,
            init_params=init_params,
            **self._kwargs,
        )
        return theirs

    def _run_hmc(self, rng_key: jax.Array, init_params: Any) -> None:
        """Draw with our HMC and the results of NumPyro's warm-up."""
        warmup_key, key, next_key = jax.random.split(rng_key, 3)
        state = self.post_warmup_state
        if state is None:
            state = self._warm_up(warmup_key, init_params).last_state
        adapted = from_state(state)
        model = self._model()
        potential_fn = potential_of(self.sampler)
        result = self._sample(
            _fields.NegativePotential(potential_fn) if model is None else self._logdensity(model),
            adapted.position,
            self.num_samples,
            kernel=kernel_of(self.sampler, adapted),
            rng_key=key,
        )
        self._keep(result, model)
        self._last_state = to_state(state, result.final_state, next_key)

    def _run_kernel(self, rng_key: jax.Array, init_params: Any, n_steps: int) -> None:
        """Warm up and draw with the kernel of a `ModelKernel`."""
        sampler = self.sampler
        model = from_model(sampler.model, *self._args, **self._kwargs)
        start_key, key, next_key = jax.random.split(rng_key, 3)
        state = self.post_warmup_state
        position, kernel, n_warmup = init_params, sampler.kernel, self.num_warmup
        if state is not None:
            position, kernel, n_warmup = state.position, state.kernel, 0
        if position is None:
            position = model.initial_positions(start_key, self.num_chains, sampler.init_strategy)
        settings = {"kernel": kernel, "n_warmup": n_warmup, "rng_key": key}
        result = self._sample(self._logdensity(model), position, n_steps, **settings)
        self._keep(result, model)
        self._last_state = ChainState(result.final_state.position, result.info.kernel, next_key)

    def _logdensity(self, model: UnconstrainedModel) -> Callable[[Any], jax.Array]:
        return model.logdensity_of_data if self.jit_model_args else model.logdensity

    def _sample(self, logdensity: Any, position: Any, n_steps: int, **settings: Any) -> Result:
        return sample(
            logdensity,
            position,
            n_steps,
            solver=self.solver,
            n_chains=self.num_chains,
            chain_method=self.chain_method,
            gradient_mode=self.gradient_mode,
            thin=min(self.thinning, n_steps),
            progress=self.progress_bar and None,
            **settings,
        )

    def _keep(self, result: Result, model: UnconstrainedModel | None) -> None:
        self._result, samples = result, result.positions
        if model is not None:
            samples = model.constrain_draws(result.positions)
            self._result = ModelResult(samples, result, model)
        if self.postprocess_fn is not None:
            samples = OverDraws(self.postprocess_fn)(result.positions)
        self._drawn = Drawn(samples, result, *self._fields)
