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
        postprocess_fn: from an unconstrained position to what `get_samples` returns, instead of
            values of sites.
        progress_bar: whether to show progress, on stderr.
        progress_rate: of NumPyro's progress bar in its warm-up.
        chain_method: how our chains share the device, as in `pmcmc.sample`.
        jit_model_args: whether arrays and floating-point numbers that the model is called with are
            arguments of compiled code, which is then found again for others of the same shapes;
            where that cannot be (discrete sites, arguments of unknown kinds) it has no effect.
        solver, gradient_mode: as in `pmcmc.sample`.

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
            *args: that the model is called with.
            extra_fields: names of NumPyro's, of what is collected.
            collect_warmup: whether `get_samples`, `get_extra_fields` and `print_summary` are those
                of NumPyro's warm-up, until the next run.
            init_params: unconstrained start, with a leading axis of several chains.
            **kwargs: that the model is called with.

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
            rng_key: a key of `jax.random`, typed or raw, or an integer seed. Of an array of keys,
                one a chain, all are folded into the one that the noise of all chains is drawn with:
                a chain depends on all of them, which in NumPyro depends on its own.
            *args: that the model is called with.
            extra_fields: names of NumPyro's for `get_extra_fields`, such as `"potential_energy"`;
                `"~z.site"` leaves a site out of the samples.
            init_params: unconstrained start, with a leading axis of several chains.
            **kwargs: that the model is called with.

        Raises:
            ValueError: an argument cannot be used; the message says why and what to write.
        """
        self._fields = _fields.split(extra_fields)
        key = self._begin(rng_key, args, kwargs, init_params)
        if isinstance(self.sampler, ModelKernel):
            self._run_kernel(key, init_params, n_steps=self.num_samples)
        else:
            self._run_hmc(key, init_params)
