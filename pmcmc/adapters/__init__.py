"""Other libraries' models and kernels, in parallel in time.

`pmcmc.adapters.numpyro` and `pmcmc.adapters.blackjax` import their library, so they need an
explicit import.
"""
