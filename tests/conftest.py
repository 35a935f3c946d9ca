import gc
import importlib.metadata
import math
import os
import warnings

# Most of the suite's time is compilation, most of that optimization, and of what is left a third is
# a way to emit fused loops that pays for large ones. JAX reads these on import, and XLA stops at a
# flag that its version does not know.
if os.environ.setdefault(
    "JAX_DISABLE_MOST_OPTIMIZATIONS", "1"
) == "1" and importlib.metadata.version("jaxlib").startswith("0.10."):
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")
# Devices to spread chains over; all else goes on on the first one.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
)

import jax
import pytest

with warnings.catch_warnings():
    # ArviZ 0.23 announces 1.0 on the first import of a day.
    warnings.simplefilter("ignore", FutureWarning)
    import arviz  # noqa: F401

# Tracing makes many objects that live, among which the collector looks for dead ones too often.
gc.set_threshold(200_000, 50, 1000)
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def float32():
    """JAX as most users have it: without float64."""
    # JAX before 0.9 has it elsewhere, and later ones warn of that.
    where = jax if hasattr(jax, "enable_x64") else jax.experimental
    with where.enable_x64(False):
        yield


@pytest.fixture
def no_speculation(monkeypatch):
    """Let the pilot of `"auto"` choose between the loop and Newton sweeps."""
    from pmcmc._planning import choice

    monkeypatch.setattr(choice, "_PREDICTION_SECONDS", math.inf)


@pytest.fixture
def eager_pilot(monkeypatch, no_speculation):
    """Let the pilot of `"auto"` afford everything and prefer sweeps whatever it finds."""
    from pmcmc._planning import choice, pilot, runner, trial

    monkeypatch.setattr(runner, "PILOT_SHARE", math.inf)
    monkeypatch.setattr(choice, "_LEAST_WORK", 0.0)
    monkeypatch.setattr(choice, "_CHAOTIC", math.inf)
    monkeypatch.setattr(choice, "_GAIN", math.inf)
    monkeypatch.setattr(pilot, "_SLOW", math.inf)
    monkeypatch.setattr(trial, "_SLOW", math.inf)
    monkeypatch.setattr(pilot, "_WINDOWS", (16,))


@pytest.fixture(autouse=True, scope="module")
def few_compiled_programs():
    """Compiled programs of a module go with it: thousands exhaust a process's memory maps."""
    yield
    jax.clear_caches()
