"""A drop-in for `numpyro.infer.MCMC`."""

from collections.abc import Callable, Sequence
from typing import Any

import jax

from pmcmc._chain.chain_method import check_chain_method
from pmcmc._util.checks import check_count
from pmcmc.adapters.numpyro import _fields
from pmcmc.adapters.numpyro._chains import Chains
from pmcmc.adapters.numpyro._specification import ModelKernel, check_sampler
from pmcmc.solvers import Auto, Solver


class MCMC(Chains):
    """`numpyro.infer.MCMC` whose draws after the warm-up are found in parallel in time.

    With a NumPyro sampler, its own warm-up runs first, step by step, with all of its settings. Then
    our HMC draws, with the step size (geometric mean over chains), mass matrix (mean over chains)
    and trajectory length that were found. NUTS is replaced by HMC with jittered trajectory lengths,
    and a warning says so. With a `ModelKernel`, warm-up and draws are those of `pmcmc.sample`.

    Args:
        sampler: `numpyro.infer.HMC` or `NUTS` of a model or potential, or a `ModelKernel`.
        num_warmup: number of steps of each chain before the draws.
        num_samples: number of steps of each chain after the warm-up.
        num_chains: number of chains, all on one device.
        thinning: keep every `thinning`-th step.
        postprocess_fn: from an unconstrained position to what `get_samples` returns instead of the
            values of sites.
        progress_bar: whether to show progress, on stderr.
        progress_rate: rate of NumPyro's progress bar in its warm-up.
        chain_method: how our chains share the device, as in `pmcmc.sample`.
        jit_model_args: whether the arrays and floating-point numbers in the model's arguments
            become arguments of the compiled code, so that it is reused for others of the same
            shapes. It has no effect where that is impossible (discrete sites, arguments of unknown
            kinds).
        solver, gradient_mode: as in `pmcmc.sample`.

    Raises:
        ValueError: a setting has no counterpart; the message names it.

    Warns:
        UserWarning: a setting has no counterpart and was replaced by something else.
    """

    def __init__(
        self,
        sampler: Any,
        *,
        num_warmup: int,
        num_samples: int,
        num_chains: int = 1,
        thinning: int = 1,
        postprocess_fn: Callable[[Any], Any] | None = None,
        progress_bar: bool = True,
        progress_rate: int | None = None,
        chain_method: str = "auto",
        jit_model_args: bool = False,
        solver: Solver | Auto | str = "auto",
        gradient_mode: str = "auto",
    ) -> None:
        check_sampler(sampler)
        num_warmup = check_count("num_warmup", num_warmup, minimum=0)
        num_samples = check_count("num_samples", num_samples)
        num_chains = check_count("num_chains", num_chains)
        thinning = check_count("thinning", thinning)
        if thinning > num_samples:
            at_most = f"at most {num_samples=}"
            raise ValueError(f"thinning must be {at_most}, got {thinning}: write thinning=1.")
        self.sampler = sampler
        self.chain_method = check_chain_method(chain_method)
        self.num_warmup = num_warmup
        self.num_samples = num_samples
        self.num_chains = num_chains
        self.thinning = thinning
        self.postprocess_fn = postprocess_fn
        self.progress_bar = progress_bar
        self.progress_rate = progress_rate
        self.jit_model_args = jit_model_args
        self.solver = solver
        self.gradient_mode = gradient_mode
        super().__init__()

    def warmup(
        self,
        rng_key: jax.Array | int,
        *args: Any,
        extra_fields: Sequence[str] = (),
        collect_warmup: bool = False,
        init_params: Any = None,
        **kwargs: Any,
    ) -> None:
        """Run the warm-up only, from its beginning; `run` then starts from `post_warmup_state`.

        Args:
            rng_key: as in `run`.
            *args: positional arguments of the model.
            extra_fields: NumPyro's names of the fields to collect.
            collect_warmup: whether `get_samples`, `get_extra_fields` and `print_summary` show
                NumPyro's warm-up, until the next run.
            init_params: unconstrained start, with a leading axis if there are several chains.
            **kwargs: keyword arguments of the model.

        Raises:
            ValueError: an argument cannot be used; the message says why and what to write.
        """
        key = self._begin(rng_key, args, kwargs, init_params)
        self.post_warmup_state = None
        if not isinstance(self.sampler, ModelKernel):
            theirs = self._warm_up(key, init_params, collect_warmup, extra_fields)
            self._drawn = theirs if collect_warmup else None
            self._last_state = theirs.last_state
        elif collect_warmup:
            raise ValueError(
                "collect_warmup must be False with a ModelKernel, whose warm-up keeps no draws, "
                "got True: leave it out, or use numpyro.infer.HMC(model) as the sampler."
            )
        else:
            self._run_kernel(key, init_params, n_steps=1)
            self._drawn = self._result = None
        self.post_warmup_state = self._last_state

    def run(
        self,
        rng_key: jax.Array | int,
        *args: Any,
        extra_fields: Sequence[str] = (),
        init_params: Any = None,
        **kwargs: Any,
    ) -> None:
        """Draw samples, after a warm-up unless `post_warmup_state` is set.

        Args:
            rng_key: a key of `jax.random`, typed or raw, or an integer seed. An array of keys, one
                per chain, is folded into a single key for the noise of all chains. So each chain
                depends on all keys, unlike in NumPyro.
            *args: positional arguments of the model.
            extra_fields: NumPyro's names for `get_extra_fields`, such as `"potential_energy"`;
                `"~z.site"` leaves a site out of the samples.
            init_params: unconstrained start, with a leading axis if there are several chains.
            **kwargs: keyword arguments of the model.

        Raises:
            ValueError: an argument cannot be used; the message says why and what to write.
        """
        self._fields = _fields.split(extra_fields)
        key = self._begin(rng_key, args, kwargs, init_params)
        if isinstance(self.sampler, ModelKernel):
            self._run_kernel(key, init_params, n_steps=self.num_samples)
        else:
            self._run_hmc(key, init_params)
