"""Pauses between starts."""

from modelyard.control.restart_policy import MAX_FAILED_STARTS, Restarts


def test_pauses_grow_up_to_a_minute():
    restarts = Restarts()
    assert [restarts.failed(up_s=1.0) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_server_that_was_up_for_long_is_started_again_soon():
    restarts = Restarts()
    for _ in range(5):
        restarts.failed(up_s=1.0)
    assert restarts.failed(up_s=3600.0) == 1


def test_a_server_that_never_comes_up_is_given_up():
    restarts = Restarts()
    assert None not in [restarts.failed(up_s=None) for _ in range(MAX_FAILED_STARTS)]
    assert restarts.failed(up_s=None) is None


def test_a_server_that_has_been_up_is_never_given_up():
    restarts = Restarts()
    restarts.failed(up_s=1.0)
    assert [restarts.failed(up_s=None) for _ in range(2000)][-1] == 60
