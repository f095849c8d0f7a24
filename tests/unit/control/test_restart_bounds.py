"""The limits on restarts of a server that ends."""

import pytest

from modelyard.control.restart_policy import Restarts


@pytest.mark.parametrize(("up_s", "pause_s"), [(0.0, 4), (59.9, 4), (60.0, 4), (60.1, 1), (3600.0, 1)])
def test_a_failure_counts_as_the_first_after_more_than_a_minute(up_s: float, pause_s: float):
    restarts = Restarts()
    assert [restarts.failed(up_s=None) for _ in range(2)] == [1, 2]
    assert restarts.failed(up_s=up_s) == pause_s


def test_a_server_that_never_comes_up_is_started_five_more_times():
    restarts = Restarts()
    assert [restarts.failed(up_s=None) for _ in range(7)] == [1, 2, 4, 8, 16, None, None]


def test_a_server_that_has_been_up_for_a_moment_is_always_started_again():
    restarts = Restarts()
    assert restarts.failed(up_s=0.0) == 1
    assert [restarts.failed(up_s=None) for _ in range(7)] == [2, 4, 8, 16, 32, 60, 60]
