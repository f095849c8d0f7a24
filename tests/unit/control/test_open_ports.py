"""Ports that the configuration promises, and that nobody opened."""

import socket

from modelyard.config.server_spec import ServerSpec
from modelyard.control.open_ports import EVERY_S, OpenPorts
from modelyard.control.port_owner import listening
from tests.fakes import FakeClock


def test_a_port_that_nobody_opened_is_named_by_its_key_until_somebody_does():
    clock, there = FakeClock(), {8000, 8002, 8003, 8004}
    ports = OpenPorts(ServerSpec(), ports=lambda: there, now=clock)
    assert ports.closed() == "grpc.port: nothing listens on 127.0.0.1:8001"
    there.add(8001)
    clock.advance(EVERY_S / 2)
    assert ports.closed() != "", "the lists are long, and not read each time"
    clock.advance(EVERY_S / 2)
    assert ports.closed() == ""


def test_the_kernel_tells_who_listens_on_either_protocol_and_forgets_who_stopped():
    with (
        socket.create_server(("127.0.0.1", 0)) as four,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
    ):
        mine = {four.getsockname()[1], six.getsockname()[1]}
        assert mine <= listening()
    assert not mine & listening()
