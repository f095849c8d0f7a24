"""The numbers of connections that a limit of open files allows."""

import resource
import sys

import pytest

from modelyard.edge.connections import ConnectionLimits, connection_limits, max_open_files


@pytest.mark.parametrize(
    ("wanted", "files", "limits"),
    [
        (4000, 1_000_000, ConnectionLimits(4000, 16030)),
        (10, 1_000_000, ConnectionLimits(10, 70)),
        (4000, 4096, ConnectionLimits(392, 1598)),
        (4000, 1024, ConnectionLimits(84, 366)),
        (84, 1024, ConnectionLimits(84, 366)),
        (83, 1024, ConnectionLimits(83, 362)),
        (4000, 275, ConnectionLimits(10, 70)),
        (4000, 274, ConnectionLimits(9, 66)),
        (4000, 185, ConnectionLimits(1, 34)),
        (4000, 0, ConnectionLimits(1, 34)),
    ],
)
def test_a_port_has_as_many_connections_as_wanted_or_as_files_allow(wanted: int, files: int, limits: ConnectionLimits):
    assert connection_limits(wanted, files) == limits


def test_the_limit_of_open_files_is_the_hard_one():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert max_open_files() == (sys.maxsize if hard == resource.RLIM_INFINITY else hard)
