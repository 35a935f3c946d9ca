"""Sample where only jax and numpy are installed."""

import importlib.util

import pmcmc

for name in ("arviz", "matplotlib", "numpyro", "blackjax"):
    assert importlib.util.find_spec(name) is None, f"{name} is installed here"
target = pmcmc.targets.logistic_regression()
result = pmcmc.sample(target.logdensity, target.initial_position, 100, solver="quasi")
assert result.info.converged.all()
print(result)
