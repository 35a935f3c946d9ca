import pytest

from pmcmc._util.callers import warn_user


@pytest.mark.parametrize("depth", [1, 4])
def test_a_warning_has_the_line_of_whoever_called_the_package(depth):
    space = {"__name__": "pmcmc._deep", "warn_user": warn_user}
    exec("def call(n):\n    warn_user('careful') if n == 1 else call(n - 1)", space)
    with pytest.warns(UserWarning, match="careful") as seen:
        space["call"](depth)
    assert seen[0].filename == __file__
