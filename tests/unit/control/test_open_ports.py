"""Configured ports that are not open."""

import socket

from modelyard.config.server_spec import ServerSpec
from modelyard.control.open_ports import EVERY_S, OpenPorts
from modelyard.control.port_owner import listening
from tests.fakes import FakeClock


def test_a_port_that_is_not_open_is_named_by_its_key_until_it_is():
    clock, there = FakeClock(), {8000, 8002, 8003, 8004}
    ports = OpenPorts(ServerSpec(), ports=lambda: there, now=clock)
    assert ports.closed() == "grpc.port: nothing listens on 127.0.0.1:8001"
    there.add(8001)
    clock.advance(EVERY_S / 2)
    assert ports.closed() != "", "the lists are long, and not read each time"
    clock.advance(EVERY_S / 2)
    assert ports.closed() == ""


def closed_ports() -> set[int]:
    """The ports of two sockets, of which each was listed while it listened."""
    with (
        socket.create_server(("127.0.0.1", 0)) as four,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
    ):
        mine = {four.getsockname()[1], six.getsockname()[1]}
        assert mine <= listening()
    return mine


def test_listening_ports_of_both_protocols_are_listed_until_they_close():
    # Another process may listen at the same port of another address.
    assert any(not closed_ports() & listening() for _ in range(20))
