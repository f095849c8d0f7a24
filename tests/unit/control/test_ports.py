"""Free ports."""

import os
import socket

import pytest

from modelyard.control import ports
from modelyard.control.ports import PORT_RANGE, free_ports, haproxy_binary, in_use


def test_free_ports_are_different_and_free():
    found = free_ports(20)
    assert len(set(found)) == 20
    for port in found:
        with socket.socket() as each:
            each.bind(("127.0.0.1", port))


def test_the_haproxy_that_comes_with_serve_can_be_run():
    assert os.access(haproxy_binary(), os.X_OK)


def test_a_port_with_a_listener_is_in_use_even_if_it_is_shared():
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert in_use("127.0.0.1", port)
    assert not in_use("127.0.0.1", port)


def test_free_ports_are_none_of_those_that_outgoing_connections_get():
    least, most = map(int, PORT_RANGE.read_text().split())
    assert not [port for port in free_ports(50) if least <= port <= most]


@pytest.mark.parametrize("text", [None, "", "20000 65535"])
def test_free_ports_are_found_if_the_kernels_port_range_is_unknown_or_covers_all_ports(tmp_path, monkeypatch, text):
    if text is not None:
        (tmp_path / "range").write_text(text)
    monkeypatch.setattr(ports, "PORT_RANGE", tmp_path / "range")
    assert len(free_ports(3)) == 3
