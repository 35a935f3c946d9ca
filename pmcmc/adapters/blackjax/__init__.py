"""BlackJAX: its algorithms in parallel in time, and our kernels as BlackJAX algorithms."""

try:
    import blackjax as _blackjax  # noqa: F401
except ImportError as error:
    raise ImportError(
        "pmcmc.adapters.blackjax needs BlackJAX: pip install 'pmcmc[blackjax]'."
    ) from error

from pmcmc.adapters.blackjax._burn_in import from_burn_in as from_burn_in
from pmcmc.adapters.blackjax._kernel import AlgorithmKernel as AlgorithmKernel
from pmcmc.adapters.blackjax._kernel import from_algorithm as from_algorithm
from pmcmc.adapters.blackjax._kernel import step_keys as step_keys
from pmcmc.adapters.blackjax._parameters import to_parameters as to_parameters
from pmcmc.adapters.blackjax._reverse import to_algorithm as to_algorithm
from pmcmc.adapters.blackjax._run import Run as Run
from pmcmc.adapters.blackjax._run import run_inference_algorithm as run_inference_algorithm
from pmcmc.adapters.blackjax._run import sample_algorithm as sample_algorithm
