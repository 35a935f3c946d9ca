"""NumPyro: its models in parallel in time, and exchange with its warm-up and NUTS."""

try:
    import numpyro as _numpyro  # noqa: F401
except ImportError as error:
    raise ImportError(
        "pmcmc.adapters.numpyro needs NumPyro: pip install 'pmcmc[numpyro]'."
    ) from error

from pmcmc.adapters.numpyro._burn_in import from_burn_in as from_burn_in
from pmcmc.adapters.numpyro._mcmc import MCMC as MCMC
from pmcmc.adapters.numpyro._model import UnconstrainedModel as UnconstrainedModel
from pmcmc.adapters.numpyro._model import from_model as from_model
from pmcmc.adapters.numpyro._result import ModelResult as ModelResult
from pmcmc.adapters.numpyro._sample import resume_model as resume_model
from pmcmc.adapters.numpyro._sample import sample_model as sample_model
from pmcmc.adapters.numpyro._specification import ModelKernel as ModelKernel
from pmcmc.adapters.numpyro._state import Adapted as Adapted
from pmcmc.adapters.numpyro._state import ChainState as ChainState
from pmcmc.adapters.numpyro._state import from_state as from_state
from pmcmc.adapters.numpyro._state import to_state as to_state
