"""Keys as users write them."""

import jax
import numpy as np
import pytest

from pmcmc._util.keys import as_key, can_be_batched, check_key, check_keys

IMPLEMENTATIONS = ["threefry2x32", "rbg", "unsafe_rbg"]


def words(key):
    return np.asarray(jax.random.key_data(key)).tolist()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_keys_are_what_they_were(implementation):
    typed = jax.random.key(3, impl=implementation)
    assert as_key(typed) is typed
    with jax.default_prng_impl(implementation):
        raw = jax.random.PRNGKey(3)
        for given in (raw, np.asarray(raw)):
            assert check_key(given).dtype == np.uint32
            assert as_key(given).dtype == typed.dtype
            assert words(as_key(given)) == np.asarray(check_key(given)).tolist() == words(typed)
        for seed in (3, np.int64(3), np.array(3), np.array(3, np.uint32)):
            assert as_key(seed).dtype == check_key(seed).dtype == typed.dtype
            assert words(as_key(seed)) == words(typed)


def test_several_keys_are_one_a_step():
    keys = jax.random.split(jax.random.key(0), 3)
    assert words(check_keys(keys)) == words(keys)
    raw = np.asarray(jax.random.key_data(keys))
    assert check_keys(raw).dtype == np.uint32
    for wrong in (keys[0], raw[0], keys[:0], keys[None], raw.astype(int), 3):
        with pytest.raises(
            ValueError, match=r"keys must be one key per step, got .*: write keys=jax"
        ):
            check_keys(wrong)


@pytest.mark.parametrize(
    "wrong", [True, np.bool_(True), 0.5, None, "seed", 2**70, jax.random.split(jax.random.key(0))]
)
def test_other_things_are_refused(wrong):
    for check in (as_key, check_key):
        with pytest.raises(ValueError, match=r"rng_key must be one key or an integer.*write rng_k"):
            check(wrong)


def test_raw_keys_of_another_implementation_are_refused():
    with pytest.raises(ValueError, match=r"shape \(4,\) is not a raw key of threefry.*impl='rbg'"):
        check_key(np.zeros(4, np.uint32))


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_keys_that_are_batched_draw_what_each_draws_alone(implementation):
    keys = jax.random.split(jax.random.key(0, impl=implementation), 3)
    together = jax.vmap(jax.random.bits)(keys)
    is_same = (np.asarray(together) == [int(jax.random.bits(key)) for key in keys]).all()
    assert can_be_batched(implementation) == is_same
