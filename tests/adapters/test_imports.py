"""Adapters are imported only when asked for, and say what is missing."""

import importlib.util
import subprocess
import sys

import pytest


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("library", ["numpyro", "blackjax"])
def test_core_imports_neither(library):
    code = f"import pmcmc, pmcmc.adapters, sys; assert {library!r} not in sys.modules"
    assert run(code).returncode == 0


@pytest.mark.parametrize(("library", "name"), [("numpyro", "NumPyro"), ("blackjax", "BlackJAX")])
def test_missing_library_is_named_with_its_extra(library, name):
    done = run(f"import sys; sys.modules[{library!r}] = None; import pmcmc.adapters.{library}")
    assert done.returncode == 1
    last_line = done.stderr.strip().splitlines()[-1]
    assert last_line == (
        f"ImportError: pmcmc.adapters.{library} needs {name}: pip install 'pmcmc[{library}]'."
    )


@pytest.mark.parametrize(("library", "other"), [("numpyro", "blackjax"), ("blackjax", "numpyro")])
def test_one_adapter_does_not_need_the_other(library, other):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    done = run(f"import sys; sys.modules[{other!r}] = None; import pmcmc.adapters.{library}")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("library", ["numpyro", "blackjax"])
def test_import_changes_no_setting_of_jax(library):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    code = f"""
import jax, pmcmc, {library}
before, arrays = dict(jax.config.values), len(jax.live_arrays())
import pmcmc.adapters.{library}
assert dict(jax.config.values) == before
assert len(jax.live_arrays()) == arrays
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
