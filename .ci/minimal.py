"""Sample where only jax and numpy are installed.

ArviZ is a dependency, which pip installs by default; without it everything but conversions runs.
"""

import importlib.util

import pmcmc

for name in ("arviz", "matplotlib", "numpyro", "blackjax"):
    assert importlib.util.find_spec(name) is None, f"{name} is installed here"
target = pmcmc.targets.logistic_regression()
result = pmcmc.sample(target.logdensity, target.initial_position, 100, solver="quasi")
assert result.info.converged.all()
print(result)
try:
    result.summary()
except ImportError as error:
    print(error)
else:
    raise AssertionError("a table of ArviZ's without ArviZ")
