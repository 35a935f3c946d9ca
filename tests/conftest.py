import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def float32():
    """JAX as most users have it: without float64."""
    with jax.enable_x64(False):
        yield
