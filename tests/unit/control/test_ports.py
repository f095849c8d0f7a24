"""Ports that nobody listens on."""

import os
import socket

from deployments.control.ports import free_ports, haproxy_binary, in_use


def test_free_ports_are_different_and_free():
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        with socket.socket() as each:
            each.bind(("127.0.0.1", port))


def test_the_haproxy_that_comes_with_serve_can_be_run():
    assert os.access(haproxy_binary(), os.X_OK)


def test_a_port_that_somebody_listens_on_is_in_use_though_he_would_share_it():
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert in_use("127.0.0.1", port)
    assert not in_use("127.0.0.1", port)
