"""A cluster of processes as executor; one of its workers dies."""

import numpy as np
import pytest

import pmcmc
from tests.external import functions
from tests.external.test_external import STEP_SIZE, assert_is, loop, sampled

distributed = pytest.importorskip("distributed")


@pytest.mark.filterwarnings("ignore")  # of the cluster's, on the way down
def test_dask(tmp_path):
    n_steps = 40
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, protocol="tcp"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor(pure=False)
        killed = pmcmc.external(
            functions.marked(tmp_path, 1, functions.die), executor=executor, n_workers=2
        )
        result = sampled(killed, n_steps)
        assert_is(result, loop(n_steps))
        assert len(list(tmp_path.iterdir())) >= 1
    assert np.isfinite(STEP_SIZE)
