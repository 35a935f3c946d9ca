import pytest

from .gumbel import run


@pytest.fixture(scope="module")
def honest():
    return run()
