import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pmcmc.solvers import Dense, Diagonal, DiagonalBlocks, ScaledIdentity
from pmcmc.solvers.newton import scan

from .test_structures import to_dense

SHAPES = {
    "dense": (Dense(), (4, 4)),
    "diagonal": (Diagonal(), (4,)),
    "blocks": (DiagonalBlocks(), (2, 2, 2)),
    "scalar": (ScaledIdentity(), ()),
}


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("structure", SHAPES)
@pytest.mark.parametrize("length", [1, 2, 13])
def test_affine_scan_is_the_loop(in_order, structure, length, monkeypatch):
    monkeypatch.setattr(scan, "is_in_order", lambda: in_order)
    structure, shape = SHAPES[structure]
    rng = np.random.default_rng(0)
    matrices, offsets = rng.normal(size=(length, *shape)), rng.normal(size=(length, 4))
    expected, y = [], np.zeros(4)
    for matrix, offset in zip(matrices, offsets, strict=True):
        y = to_dense(structure, matrix) @ y + offset
        expected.append(y)
    got = scan.affine_scan(structure, jnp.asarray(matrices), jnp.asarray(offsets))
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("length", [1, 2, 13])
def test_scan_keeps_the_order_of_what_does_not_commute(in_order, length, monkeypatch):
    monkeypatch.setattr(scan, "is_in_order", lambda: in_order)
    matrices = np.random.default_rng(1).normal(size=(length, 3, 3))
    expected = [matrices[0]]
    for matrix in matrices[1:]:
        expected.append(matrix @ expected[-1])
    got = scan.scan(lambda earlier, later: later @ earlier, jnp.asarray(matrices))
    np.testing.assert_allclose(got, expected, rtol=1e-10)


def test_one_by_one_on_a_cpu():
    assert scan.is_in_order() == (jax.default_backend() == "cpu")
