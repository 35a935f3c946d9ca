import pytest

from tests.store.runs import sampled

pytest.importorskip("zarr")


@pytest.fixture(scope="session")
def expected():
    """The chain without a store."""
    return sampled()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.zarr"
