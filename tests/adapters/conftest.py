import jax
import pytest


@pytest.fixture(autouse=True, scope="module")
def ranks_as_in_the_libraries():
    """NumPyro promotes ranks itself."""
    with jax.numpy_rank_promotion("allow"):
        yield
